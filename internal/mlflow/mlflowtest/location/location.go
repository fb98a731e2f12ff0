package location

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

var schemeForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.\-]*):`)

// Scheme returns the scheme in lower case. Like a server, it splits the URI without checking it, and so do Authority
// and Path. net/url would refuse some URIs that servers accept.
func Scheme(uri string) string {
	if m := schemeForm.FindStringSubmatch(uri); m != nil {
		return strings.ToLower(m[1])
	}
	return ""
}

// Authority returns the part between // and the path, without checking the URI (see Scheme).
func Authority(uri string) string {
	rest, ok := strings.CutPrefix(afterScheme(uri), "//")
	if !ok {
		return ""
	}
	return rest[:upTo(rest, "/?#")]
}

// Path returns the path, without checking the URI (see Scheme).
func Path(uri string) string {
	rest := afterScheme(uri)
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		rest = after[upTo(after, "/?#"):]
	}
	return rest[:upTo(rest, "?#")]
}

func afterScheme(uri string) string {
	if m := schemeForm.FindString(uri); m != "" {
		return uri[len(m):]
	}
	return uri
}

func upTo(s, any string) int {
	if i := strings.IndexAny(s, any); i >= 0 {
		return i
	}
	return len(s)
}

// Local reports whether a source is a path on the server's own disk.
func Local(uri string) bool {
	scheme := Scheme(uri)
	return scheme == "" || scheme == "file"
}

// LocalPath returns the cleaned path of a local source.
func LocalPath(uri string) string {
	if Scheme(uri) == "file" {
		uri = Path(uri)
	}
	return path.Clean("/" + uri)
}

// Within reports whether a clean path is the folder root or is inside it.
func Within(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

// Inside reports whether uri is inside root. It compares schemes, hosts and decoded path elements.
func Inside(uri, root string) bool {
	a, b := pathElements(uri), pathElements(root)
	return Scheme(uri) == Scheme(root) && strings.EqualFold(Authority(uri), Authority(root)) &&
		len(b) > 0 && len(a) >= len(b) && slices.Equal(a[:len(b)], b)
}

func pathElements(uri string) []string {
	var out []string
	for _, e := range strings.Split(Path(uri), "/") {
		if e == "" {
			continue
		}
		for {
			next, err := url.PathUnescape(e)
			if err != nil || next == e {
				break
			}
			e = next
		}
		out = append(out, e)
	}
	return out
}

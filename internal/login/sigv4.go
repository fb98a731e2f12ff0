package login

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Keys are AWS credentials.
type Keys struct {
	ID, Secret string
	Session    string    // "" for a permanent key
	Expires    time.Time // zero if unknown
}

func (k Keys) end() time.Time    { return k.Expires }
func (k Keys) secrets() []string { return []string{k.Secret, k.Session} }

// Signer signs each request with AWS Signature Version 4, as described in "Create a signed AWS API request" in the
// IAM user guide. It signs the same headers as botocore: all headers except those that a proxy may change.
type Signer struct {
	service, region string
	header          http.Header // sent and signed with every request
	renewable       bool        // whether the source can return new keys after a 401
	cache           cache[Keys]
}

// NewSigner returns a login that signs requests to the server. mask is called with the keys before they are used,
// and now is this machine's clock.
func NewSigner(to SageMaker, from Credentials, mask func(...string), now func() time.Time) *Signer {
	return &Signer{
		service: to.Service, region: to.Region, header: to.Header, renewable: from.Renewable,
		cache: cache[Keys]{source: from.Keys, mask: mask, now: now},
	}
}

// Apply implements [rest.Authorizer].
func (s *Signer) Apply(r *http.Request) error {
	keys, err := s.cache.get(r.Context())
	if err != nil {
		return err
	}
	sum, err := s.bodySum(r)
	if err != nil {
		return err
	}
	now := s.cache.now().UTC()
	maps.Copy(r.Header, s.header)
	r.Header.Set("X-Amz-Date", now.Format(amzTime))
	r.Header.Set("X-Amz-Content-Sha256", sum)
	if keys.Session != "" {
		r.Header.Set("X-Amz-Security-Token", keys.Session)
	}
	r.Header.Set("Authorization", authorization(r, sum, keys, scope{now.Format("20060102"), s.region, s.service}))
	return nil
}

// Forget implements [rest.Authorizer].
func (s *Signer) Forget(r *http.Request) bool {
	s.cache.forget(func(k Keys) bool { return r.Header.Get("X-Amz-Security-Token") == k.Session })
	return s.renewable
}

// unsignedPayload takes the place of a body's SHA-256. Only S3 accepts it.
const unsignedPayload = "UNSIGNED-PAYLOAD"

// bodySum returns the SHA-256 of the request's body, in hex. An upload can be read only once, so its content is not
// signed if its SHA-256 is not known in advance. TLS then protects it.
func (s *Signer) bodySum(r *http.Request) (string, error) {
	if sum, upload := rest.ContentSum(r); upload {
		if sum == "" && (s.service != "s3" || r.URL.Scheme != "https") {
			return "", errors.New("sign the upload: its SHA-256 must be known in advance")
		}
		return cmp.Or(sum, unsignedPayload), nil
	}
	hash := sha256.New()
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return "", err
		}
		defer body.Close()
		if _, err := io.Copy(hash, body); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

const (
	amzTime   = "20060102T150405Z"
	algorithm = "AWS4-HMAC-SHA256"
)

// scope is what the signing key is valid for.
type scope struct{ day, region, service string }

func (s scope) String() string { return s.day + "/" + s.region + "/" + s.service + "/aws4_request" }

// authorization returns the header with the request's signature. The request must already have all its other
// headers.
func authorization(r *http.Request, sum string, keys Keys, s scope) string {
	names, headers := canonicalHeaders(r)
	canonical := strings.Join([]string{
		r.Method, canonicalPath(r.URL, s.service), canonicalQuery(r.URL.Query()), headers, names, sum,
	}, "\n")
	digest := sha256.Sum256([]byte(canonical))
	toSign := strings.Join([]string{
		algorithm, r.Header.Get("X-Amz-Date"), s.String(), hex.EncodeToString(digest[:]),
	}, "\n")
	key := []byte("AWS4" + keys.Secret)
	for _, part := range []string{s.day, s.region, s.service, "aws4_request", toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return algorithm + " Credential=" + keys.ID + "/" + s.String() + ", SignedHeaders=" + names + ", Signature=" +
		hex.EncodeToString(key)
}

// unsigned are the headers that are not signed, because proxies and the service itself change them.
var unsigned = []string{"authorization", "connection", "expect", "user-agent", "x-amzn-trace-id"}

// canonicalHeaders returns the names of the signed headers, and their lines.
func canonicalHeaders(r *http.Request) (names, lines string) {
	values := map[string]string{"host": r.URL.Host}
	for name, all := range r.Header {
		name = strings.ToLower(name)
		if slices.Contains(unsigned, name) {
			continue
		}
		var trimmed []string
		for _, v := range all {
			trimmed = append(trimmed, strings.Join(strings.Fields(v), " "))
		}
		values[name] = strings.Join(trimmed, ",")
	}
	sorted := slices.Sorted(maps.Keys(values))
	var b strings.Builder
	for _, name := range sorted {
		b.WriteString(name + ":" + values[name] + "\n")
	}
	return strings.Join(sorted, ";"), b.String()
}

// canonicalPath returns the path in the form in which it is signed. All services except S3 escape the path once
// more.
func canonicalPath(u *url.URL, service string) string {
	path := u.EscapedPath()
	if path == "" {
		return "/"
	}
	if service == "s3" {
		path = u.Path
	}
	return EscapePath(path)
}

// EscapePath escapes a path as it is signed for S3. The same path must be sent, because some servers read an unescaped
// plus sign as a space.
func EscapePath(path string) string { return escaped(path, "/") }

func canonicalQuery(query url.Values) string {
	var pairs []string
	for name, values := range query {
		for _, v := range values {
			pairs = append(pairs, escaped(name, "")+"="+escaped(v, ""))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// escaped escapes all bytes except RFC 3986's unreserved characters and those in keep.
func escaped(text, keep string) string {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; strings.IndexByte(unreserved+keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

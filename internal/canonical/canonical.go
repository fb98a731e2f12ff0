package canonical

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// JSON encodes v with sorted keys and without spaces or HTML escapes, so that equal values produce equal bytes. It
// encodes v, decodes the result into maps and encodes those again, so struct fields are sorted too.
func JSON(v any) ([]byte, error) {
	first, err := Compact(v)
	if err != nil {
		return nil, err
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(first))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	return Compact(tree)
}

// Compact encodes v as JSON without spaces or HTML escapes. HTML escapes would make thresholds such as "> 0.9"
// unreadable.
func Compact(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Digest returns the hex SHA-256 of the parts. Each part is preceded by its length, so that ("ab", "c") and ("a", "bc")
// have different digests.
func Digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		var n [8]byte
		for i := range n {
			n[i] = byte(len(p) >> (8 * i))
		}
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

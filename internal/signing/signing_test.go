package signing

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)

// pair returns the key pair whose seed is this byte, repeated 32 times.
func pair(t *testing.T, seed byte) KeyPair {
	t.Helper()
	k, err := Generate(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyPair_TextForms(t *testing.T) {
	k := pair(t, 7)
	again, err := ParsePrivate(k.Private())
	if err != nil || again.Private() != k.Private() || again.Sign("x") != k.Sign("x") {
		t.Errorf("%v", err)
	}
	public, err := ParsePublic(k.Public().String())
	if err != nil || public.Fingerprint() != k.Public().Fingerprint() || public.String() != k.Public().String() {
		t.Errorf("%v", err)
	}
	if !k.Exists() || (KeyPair{}).Exists() || strings.Contains(k.Public().String(), k.Private()) {
		t.Error("a key pair exists if it has a key")
	}
}

func TestGenerate_ShortRandom(t *testing.T) {
	if _, err := Generate(bytes.NewReader(make([]byte, 31))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}

// The vector is from RFC 8032, section 7.1, test 2.
func TestSign_KnownVector(t *testing.T) {
	seed := []byte("\x4c\xcd\x08\x9b\x28\xff\x96\xda\x9d\xb6\xc3\x46\xec\x11\x4e\x0f" +
		"\x5b\x8a\x31\x9f\x35\xab\xa6\x24\xda\x8c\xf6\xed\x4f\xb8\xa6\xfb")
	k, err := Generate(bytes.NewReader(seed))
	if err != nil {
		t.Fatal(err)
	}
	const want = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
		"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
	_, signature, _ := strings.Cut(k.Sign("\x72"), separator)
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || hex.EncodeToString(raw) != want {
		t.Errorf("%x, %v", raw, err)
	}
}

func TestRing_Verify(t *testing.T) {
	day := 24 * time.Hour
	ours, other := pair(t, 1), pair(t, 2)
	ring := Ring{
		{Name: "old", Public: pair(t, 3).Public()},
		{
			Name: "prod", Public: ours.Public(), Until: noon.Add(30 * day),
			NotBetween: [2]time.Time{noon.Add(7 * day), noon.Add(14 * day)},
		},
	}
	good := ours.Sign("message")
	fingerprint, signature, _ := strings.Cut(good, separator)
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(raw)
	flipped[5] ^= 1
	encoded := func(e *base64.Encoding, b []byte) string { return fingerprint + separator + e.EncodeToString(b) }
	for name, c := range map[string]struct {
		message, signature string
		at                 time.Time
		want               Kind
	}{
		"a listed key":               {"message", good, noon, ""},
		"one second before its end":  {"message", good, noon.Add(30*day - time.Second), ""},
		"at its end":                 {"message", good, noon.Add(30 * day), Expired},
		"before the barred period":   {"message", good, noon.Add(7*day - time.Second), ""},
		"as the period begins":       {"message", good, noon.Add(7 * day), Barred},
		"as the period ends":         {"message", good, noon.Add(14 * day), ""},
		"another message":            {"massage", good, noon, Wrong},
		"another message, barred":    {"massage", good, noon.Add(7 * day), Wrong},
		"a key that is not listed":   {"message", other.Sign("message"), noon, Unknown},
		"one bit differs":            {"message", encoded(base64.StdEncoding, flipped), noon, Wrong},
		"a listed key's fingerprint": {"message", fingerprint + other.Sign("message")[16:], noon, Wrong},
		"truncated":                  {"message", encoded(base64.StdEncoding, raw[:63]), noon, Malformed},
		"longer":                     {"message", encoded(base64.StdEncoding, append(bytes.Clone(raw), 0)), noon, Malformed},
		"without padding":            {"message", encoded(base64.RawStdEncoding, raw), noon, Malformed},
		"the URL alphabet":           {"message", encoded(base64.URLEncoding, raw), noon, Malformed},
		"a line break":               {"message", good[:40] + "\n" + good[40:], noon, Malformed},
		"a space at the end":         {"message", good + " ", noon, Malformed},
		"a space at the beginning":   {"message", " " + good, noon, Malformed},
		"an upper-case fingerprint":  {"message", strings.ToUpper(fingerprint) + good[16:], noon, Malformed},
		"a short fingerprint":        {"message", good[1:], noon, Malformed},
		"no fingerprint":             {"message", signature, noon, Malformed},
		"nothing":                    {"message", "", noon, Malformed},
		"trailing bits":              {"message", good[:len(good)-3] + string(good[len(good)-3]+1) + "==", noon, Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := ring.Verify(c.message, c.signature, c.at)
			var problem *Problem
			switch {
			case c.want == "" && (err != nil || key != "prod"):
				t.Errorf("%q, %v", key, err)
			case c.want != "" && (!errors.As(err, &problem) || problem.Kind != c.want):
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func TestParse_OtherForms(t *testing.T) {
	k := pair(t, 9)
	for name, text := range map[string]string{
		"empty":           "",
		"no prefix":       k.Public().String()[len(publicPrefix):],
		"another case":    strings.ToUpper(publicPrefix) + k.Public().String()[len(publicPrefix):],
		"a line break":    k.Public().String() + "\n",
		"a leading space": " " + k.Public().String(),
		"no padding":      strings.TrimRight(k.Public().String(), "="),
		"33 bytes":        publicPrefix + base64.StdEncoding.EncodeToString(make([]byte, 33)),
		"the other half":  k.Private(),
	} {
		if _, err := ParsePublic(text); err == nil {
			t.Errorf("%s: %q is accepted", name, text)
		}
	}
	secret := k.Private()[len(privatePrefix):]
	for name, text := range map[string]string{
		"no prefix": secret, "the other half": k.Public().String(), "cut": k.Private()[:40], "a space": k.Private() + " ",
	} {
		if _, err := ParsePrivate(text); err == nil || strings.Contains(err.Error(), secret[:20]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A key is parsed only from the exact text that the encoder writes. A signature counts only for its own message, and
// only in one form.
func FuzzVerify(f *testing.F) {
	k, err := Generate(bytes.NewReader(bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		f.Fatal(err)
	}
	ring := Ring{{Name: "prod", Public: k.Public()}}
	f.Add("message", k.Sign("message"))
	f.Add("message", k.Public().String())
	f.Add("", k.Private())
	f.Fuzz(func(t *testing.T, message, text string) {
		if _, err := ring.Verify(message, text, noon); (err == nil) != (text == k.Sign(message)) {
			t.Errorf("%q is a signature of %q: %v", text, message, err)
		}
		if p, err := ParsePublic(text); err == nil && p.String() != text {
			t.Errorf("%q is read as %q", text, p)
		}
		if p, err := ParsePrivate(text); err == nil && p.Private() != text {
			t.Errorf("%q is read as another text", text)
		}
		if s := Signer(text); s != "" && !strings.HasPrefix(text, s+separator) {
			t.Errorf("%q is said to be signed by %s", text, s)
		}
	})
}

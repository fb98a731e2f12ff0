package signing

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Prefixes of keys that are written as text.
const (
	publicPrefix  = "ed25519:"
	privatePrefix = "ed25519-private:"
)

// separator separates the fingerprint from the signature.
const separator = "|"

// KeyPair signs messages. The zero value contains no key.
type KeyPair struct{ private ed25519.PrivateKey }

// Public is the half of a key pair that checks signatures.
type Public struct{ key ed25519.PublicKey }

// Generate makes a key pair. It fails if reading from random fails.
func Generate(random io.Reader) (KeyPair, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return KeyPair{}, err
	}
	return KeyPair{ed25519.NewKeyFromSeed(seed)}, nil
}

// ParsePrivate parses a private key in the form that Private returns. Its error never contains the text.
func ParsePrivate(text string) (KeyPair, error) {
	seed, err := decode(text, privatePrefix, ed25519.SeedSize)
	if err != nil {
		return KeyPair{}, fmt.Errorf("is not a private key of the form %sBASE64: %w", privatePrefix, err)
	}
	return KeyPair{ed25519.NewKeyFromSeed(seed)}, nil
}

// ParsePublic parses a public key in the form that Public.String returns.
func ParsePublic(text string) (Public, error) {
	key, err := decode(text, publicPrefix, ed25519.PublicKeySize)
	if err != nil {
		return Public{}, fmt.Errorf("is not a public key of the form %sBASE64: %w", publicPrefix, err)
	}
	return Public{key}, nil
}

// decode decodes standard base64. It accepts only the exact text that the encoder writes, whereas Go's decoder also
// accepts line breaks.
func decode(text, prefix string, size int) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return nil, errors.New("it does not begin with this prefix")
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil || base64.StdEncoding.EncodeToString(raw) != encoded:
		return nil, errors.New("it is not valid base64")
	case len(raw) != size:
		return nil, fmt.Errorf("it is %d bytes instead of %d", len(raw), size)
	}
	return raw, nil
}

// Exists reports whether k contains a key.
func (k KeyPair) Exists() bool { return k.private != nil }

// Private returns the text form of the private half. It is a secret.
func (k KeyPair) Private() string {
	return privatePrefix + base64.StdEncoding.EncodeToString(k.private.Seed())
}

// Public returns the public half.
func (k KeyPair) Public() Public { return Public{ed25519.PublicKey(k.private[ed25519.SeedSize:])} }

// Sign returns the signature of a message, prefixed with the key's fingerprint. The same message always gives the same
// signature.
func (k KeyPair) Sign(message string) string {
	signature := ed25519.Sign(k.private, []byte(message))
	return k.Public().Fingerprint() + separator + base64.StdEncoding.EncodeToString(signature)
}

// String returns the text form of the public half.
func (p Public) String() string { return publicPrefix + base64.StdEncoding.EncodeToString(p.key) }

// Fingerprint identifies the key. It consists of the first 16 hex digits of the SHA-256 of the key's 32 bytes.
func (p Public) Fingerprint() string {
	sum := sha256.Sum256(p.key)
	return hex.EncodeToString(sum[:8])
}

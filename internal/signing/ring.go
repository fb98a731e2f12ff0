package signing

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"time"
)

// Key is a key that a policy lists.
type Key struct {
	Name   string
	Public Public
	// Until is when the key expires. It is zero if the key never expires.
	Until time.Time
	// NotBetween is a period in which the key is barred, up to but not including the second time. Both times are zero
	// if there is no such period.
	NotBetween [2]time.Time
}

// Ring contains the keys that a policy lists.
type Ring []Key

// Kind is the reason why a signature is not accepted.
type Kind string

const (
	Malformed Kind = "malformed signature" // the signature does not have the form that Sign writes
	Unknown   Kind = "unknown key"         // no listed key has the signature's fingerprint
	Wrong     Kind = "wrong signature"     // the key did not sign this message
	Expired   Kind = "expired key"         // signed at or after Until
	Barred    Kind = "barred period"       // signed during NotBetween
)

// Problem is the error for a signature that is not accepted.
type Problem struct {
	Kind
	Key string // the key's name, or its fingerprint if it is not listed
}

func (p *Problem) Error() string {
	switch p.Kind {
	case Unknown:
		return fmt.Sprintf("it is signed by the key %s, but the policy lists no such key", p.Key)
	case Wrong:
		return fmt.Sprintf("its signature by the key %s is wrong: it was edited, or copied from elsewhere", p.Key)
	case Expired:
		return fmt.Sprintf("it is signed by the key %s after that key's last day", p.Key)
	case Barred:
		return fmt.Sprintf("it is signed by the key %s in a period when that key does not count", p.Key)
	}
	return "its signature is malformed"
}

// Verify checks the signature of a message that was signed at the given time, and returns the key's name. The error is
// a *Problem. Verify reports an expired or barred key only if the signature itself is correct.
func (r Ring) Verify(message, signature string, at time.Time) (name string, err error) {
	fingerprint, raw := parse(signature)
	if raw == nil {
		return "", &Problem{Kind: Malformed}
	}
	k, listed := r.Find(fingerprint)
	switch {
	case !listed:
		return "", &Problem{Unknown, fingerprint}
	case !ed25519.Verify(k.Public.key, []byte(message), raw):
		return "", &Problem{Wrong, k.Name}
	}
	return k.Name, k.ValidAt(at)
}

// ValidAt returns a *Problem if the key has expired or is barred at the given time.
func (k Key) ValidAt(at time.Time) error {
	from, to := k.NotBetween[0], k.NotBetween[1]
	switch {
	case !k.Until.IsZero() && !at.Before(k.Until):
		return &Problem{Expired, k.Name}
	case !to.IsZero() && !at.Before(from) && at.Before(to):
		return &Problem{Barred, k.Name}
	}
	return nil
}

// Find returns the key with the given fingerprint.
func (r Ring) Find(fingerprint string) (Key, bool) {
	for _, k := range r {
		if k.Public.Fingerprint() == fingerprint {
			return k, true
		}
	}
	return Key{}, false
}

// Signer returns the fingerprint in a signature without checking the signature. It returns "" if the signature is
// malformed.
func Signer(signature string) string {
	fingerprint, _ := parse(signature)
	return fingerprint
}

// parse splits a signature into its parts. Both results are empty if the signature is malformed.
func parse(signature string) (fingerprint string, raw []byte) {
	fingerprint, _, _ = strings.Cut(signature, separator)
	raw, err := decode(signature, fingerprint+separator, ed25519.SignatureSize)
	if err != nil || len(fingerprint) != 16 || strings.Trim(fingerprint, "0123456789abcdef") != "" {
		return "", nil
	}
	return fingerprint, raw
}

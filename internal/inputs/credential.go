package inputs

import (
	"slices"
	"strings"
)

const (
	// sharedRun is how many characters in a row a user name may have in common with a credential, less one.
	sharedRun = 12
	// shortestSecret is the length from which a credential inside a longer name counts: a shorter one is in many names.
	shortestSecret = 4
	// longName is the length from which a user name next to a password that is none is a token.
	longName = 16
)

// standIns are passwords that people write if the user name is the token.
var standIns = []string{"", "x", "-", "_", "none", "unused", "token", "api", "api_token", "apikey", "x-oauth-basic", "x-token-auth"}

// IsCredential reports whether a user name must be stored and shown nowhere: it is one of the secrets, contains one, or
// shares twelve characters in a row with one. Case does not count, because servers change it.
func IsCredential(name string, secrets []string) bool {
	name = strings.ToLower(name)
	return name != "" && slices.ContainsFunc(secrets, func(secret string) bool {
		secret = strings.ToLower(strings.TrimSpace(secret))
		switch {
		case secret == "":
			return false
		case secret == name, len(secret) >= shortestSecret && strings.Contains(name, secret):
			return true
		}
		return sharesRun([]rune(name), secret)
	})
}

// sharesRun reports whether sharedRun characters in a row of the name are in the secret.
func sharesRun(name []rune, secret string) bool {
	for i := 0; i+sharedRun <= len(name); i++ {
		if strings.Contains(secret, string(name[i:i+sharedRun])) {
			return true
		}
	}
	return false
}

// tokenAsName reports whether the user name is the token, because what stands in the place of the password is none.
func tokenAsName(name, password string) bool {
	return password == "" || len(name) >= longName && slices.Contains(standIns, strings.ToLower(password))
}

package inputs

import (
	"slices"
	"strings"
)

const (
	// sharedRun is how many consecutive characters a user name and a credential must share for the name to count as
	// a credential.
	sharedRun = 12
	// shortestSecret is the minimum length of a credential that is searched for in names. Shorter credentials occur
	// in many ordinary names.
	shortestSecret = 4
	// longName is the length from which a user name counts as a token if the password is only a placeholder.
	longName = 16
)

// placeholders are passwords that people enter if the user name is the token.
var placeholders = []string{
	"", "x", "-", "_", "none", "unused", "token", "api", "api_token", "apikey", "x-oauth-basic", "x-token-auth",
}

// IsCredential reports whether a user name must not be stored or shown, because it contains one of the secrets or
// shares twelve consecutive characters with one. Case is ignored, because servers may change it.
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

// sharesRun reports whether the name and the secret have sharedRun consecutive characters in common.
func sharesRun(name []rune, secret string) bool {
	for i := 0; i+sharedRun <= len(name); i++ {
		if strings.Contains(secret, string(name[i:i+sharedRun])) {
			return true
		}
	}
	return false
}

// tokenAsName reports whether the user name is a token: either the password is empty, or the name is long and the
// password is only a placeholder.
func tokenAsName(name, password string) bool {
	return password == "" || len(name) >= longName && slices.Contains(placeholders, strings.ToLower(password))
}

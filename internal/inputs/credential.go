package inputs

import (
	"slices"
	"strings"
)

const (
	// sharedRun is how many characters in a row a user name and a credential must share. Then the name counts as a
	// credential.
	sharedRun = 12
	// shortestSecret is the minimum length of a credential that is searched for inside a name. Shorter ones occur in
	// many names.
	shortestSecret = 4
	// longName is the minimum length of a user name that counts as a token if the password is only a placeholder.
	longName = 16
)

// placeholders are passwords that people write if the user name is the token.
var placeholders = []string{
	"", "x", "-", "_", "none", "unused", "token", "api", "api_token", "apikey", "x-oauth-basic", "x-token-auth",
}

// IsCredential reports whether a user name must not be stored or shown. This is the case if it contains one of the
// secrets, or shares twelve characters in a row with one. It ignores case, because servers may change it.
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

// sharesRun reports whether the secret contains sharedRun characters in a row of the name.
func sharesRun(name []rune, secret string) bool {
	for i := 0; i+sharedRun <= len(name); i++ {
		if strings.Contains(secret, string(name[i:i+sharedRun])) {
			return true
		}
	}
	return false
}

// tokenAsName reports whether the user name is a token, because the password is only a placeholder.
func tokenAsName(name, password string) bool {
	return password == "" || len(name) >= longName && slices.Contains(placeholders, strings.ToLower(password))
}

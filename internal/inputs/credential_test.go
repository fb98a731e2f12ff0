package inputs

import (
	"testing"

	"pgregory.net/rapid"
)

func TestIsCredential(t *testing.T) {
	for name, c := range map[string]struct {
		name    string
		secrets []string
		want    bool
	}{
		"an ordinary name":                           {"ann", []string{"correct horse battery"}, false},
		"no name":                                    {"", []string{"", "x"}, false},
		"the password":                               {"admin", []string{"admin"}, true},
		"a short password":                           {"ab", []string{"ab"}, true},
		"the password in a different case":           {"TOKEN-12345", []string{"token-12345"}, true},
		"a name that contains the password":          {"ci-hunter2-bot", []string{"hunter2"}, true},
		"a password of three letters does not count": {"maria", []string{"ari"}, false},
		"eleven consecutive characters":              {"mlflow-cibot", []string{"mlflow-cibo-2026"}, false},
		"twelve consecutive characters":              {"mlflow-ci-bot", []string{"mlflow-ci-bo2026"}, true},
		"twelve characters in Cyrillic":              {"ключключключ1", []string{"ключключключ2"}, true},
		"one of several secrets":                     {"tok-1234567890", []string{"pw-x", "", "tok-1234567890"}, true},
		"a secret with a line break at the end":      {"tok-1234567890", []string{"tok-1234567890\n"}, true},
		"the password contains the short name":       {"ann", []string{"ann-likes-long-passwords"}, false},
		"the password contains the long name":        {"platform-team-ci", []string{"platform-team-ci-2026"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := IsCredential(c.name, c.secrets); got != c.want {
				t.Errorf("IsCredential(%q, %q) = %v", c.name, c.secrets, got)
			}
		})
	}
}

func TestIsCredential_PartOfToken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token := rapid.StringMatching(`[A-Za-z0-9_-]{12,40}`).Draw(t, "token")
		from := rapid.IntRange(0, len(token)-sharedRun).Draw(t, "from")
		other := rapid.StringMatching(`[a-z.@-]{0,8}`)
		name := other.Draw(t, "before") + token[from:from+sharedRun] + other.Draw(t, "after")
		if !IsCredential(name, []string{"other-secret-0", token}) {
			t.Fatalf("%q shares %d characters with %q", name, sharedRun, token)
		}
	})
}

func TestTokenAsName(t *testing.T) {
	for _, c := range []struct {
		name, password string
		want           bool
	}{
		{"0123456789abcdef0123", "", true},
		{"0123456789abcdef0123", "x-oauth-basic", true},
		{"0123456789abcdef0123", "X", true},
		{"ann", "x", false},
		{"0123456789abcdef0123", "a-real-password", false},
	} {
		if got := tokenAsName(c.name, c.password); got != c.want {
			t.Errorf("tokenAsName(%q, %q) = %v", c.name, c.password, got)
		}
	}
}

package spelling

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestNear(t *testing.T) {
	for name, c := range map[string]struct {
		a, b string
		want bool
	}{
		"the same name":                                {"champion", "champion", false},
		"another case":                                 {"Champion", "champion", true},
		"another case of a short word":                 {"PROD", "prod", true},
		"another case and digits":                      {"Model_V1", "model_v1", true},
		"two neighbours swapped":                       {"champoin", "champion", true},
		"two neighbours swapped at the start":          {"hcampion", "champion", true},
		"two neighbours swapped at the end":            {"champino", "champion", true},
		"a doubled letter":                             {"chammpion", "champion", true},
		"a lost letter":                                {"champon", "champion", true},
		"a lost last letter":                           {"shado", "shadow", true},
		"a letter more at the end":                     {"champions", "champion", true},
		"a slip and another case":                      {"Champoin", "champion", true},
		"a slip before the last part":                  {"champoin-de", "champion-de", true},
		"a slip in a word with a digit":                {"champoin2", "champion2", true},
		"a swap in the letters of other scripts":       {"чемпоин", "чемпион", true},
		"a sign at the end":                            {"champion_", "champion", true},
		"a sign at the end of a short word":            {"prod-", "prod", true},
		"a sign at the start":                          {"_champion", "champion", true},
		"a space at the end":                           {"churn ", "churn", true},
		"another sign":                                 {"churn_eu", "churn-eu", true},
		"another sign and another case":                {"churn eu", "Churn-EU", true},
		"two signs for one":                            {"churn--eu", "churn-eu", true},
		"a lost sign between letters":                  {"fraudscore", "fraud-score", true},
		"a space that nobody sees":                     {"fraud\u200bscore", "fraudscore", true},
		"two words that share nothing":                 {"champion", "challenger", false},
		"another letter":                               {"model-ax", "model-bx", false},
		"one wrong letter in a long word":              {"candidata", "candidatb", false},
		"two slips":                                    {"chmapoin", "champion", false},
		"a slip in a short word":                       {"prdo", "prod", false},
		"a lost letter in a short word":                {"stage", "stages", true},
		"a lost letter in a word of five":              {"devs", "dev", false},
		"a lost sign in a short word":                  {"dev-a", "deva", false},
		"a last part":                                  {"champion-de", "champion", false},
		"another last part":                            {"champion-de", "champion-fr", false},
		"a last part that is a swap of another":        {"champion-es", "champion-se", false},
		"a long last part that is a slip":              {"churn.customer", "churn.customers", false},
		"a last part behind a dot":                     {"churn.v1", "churn.v2", false},
		"another number":                               {"model_v1", "model_v2", false},
		"a doubled digit":                              {"champion1", "champion11", false},
		"swapped digits":                               {"champion12", "champion21", false},
		"a digit more":                                 {"champion2", "champion", false},
		"a sign between digits moved":                  {"forecast_1_12", "forecast_11_2", false},
		"a sign between digits lost":                   {"forecast_112", "forecast_1_12", false},
		"a sign between digits moved, in another case": {"Forecast_1_12", "forecast_11_2", false},
		"another number in another case":               {"Champion1", "champion2", false},
		"digits of another script":                     {"champion١", "champion٢", false},
		"accents, which most servers tell apart":       {"chämpion", "champion", false},
		"nothing but signs":                            {"--", "__", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Near(c.a, c.b); got != c.want {
				t.Errorf("Near(%q, %q) = %v", c.a, c.b, got)
			}
		})
	}
}

// nameText draws names as people give them: words, signs and numbers.
func nameText(t *rapid.T, label string) string {
	part := rapid.OneOf(rapid.StringMatching(`[a-zA-Z]{1,9}`), rapid.StringMatching(`[0-9]{1,3}`), rapid.SampledFrom([]string{"champion", "champoin", "ä", "-", "_", ".", " "}))
	return strings.Join(rapid.SliceOfN(part, 1, 5).Draw(t, label), "")
}

func TestNear_Laws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := nameText(t, "a"), nameText(t, "b")
		if Near(a, a) {
			t.Fatalf("%q is near itself", a)
		}
		if Near(a, b) != Near(b, a) {
			t.Fatalf("Near(%q, %q) is not symmetric", a, b)
		}
	})
}

func TestNear_DigitsAreNoSlip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runes := []rune(nameText(t, "name") + rapid.StringMatching(`[0-9]{1,3}`).Draw(t, "number"))
		changed := []rune(string(runes))
		at := rapid.IntRange(0, len(runes)-1).Filter(func(i int) bool { return unicode.IsDigit(runes[i]) }).Draw(t, "digit")
		switch rapid.IntRange(0, 2).Draw(t, "change") {
		case 0:
			changed[at] = '0' + (changed[at]-'0'+1)%10
		case 1:
			changed = append(changed[:at:at], append([]rune{changed[at]}, changed[at:]...)...)
		case 2:
			changed = append(changed[:at:at], changed[at+1:]...)
		}
		if Near(string(runes), string(changed)) {
			t.Fatalf("%q is near %q: only digits differ", string(changed), string(runes))
		}
	})
}

func TestNear_OneSlipInALongWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := []rune(rapid.StringMatching(`[a-z]{6,12}`).Draw(t, "word"))
		at := rapid.IntRange(0, len(word)-2).Draw(t, "at")
		swapped := []rune(string(word))
		swapped[at], swapped[at+1] = swapped[at+1], swapped[at]
		lost := append(append([]rune{}, word[:at]...), word[at+1:]...)
		doubled := append(append([]rune{}, word[:at+1]...), word[at:]...)
		tail := rapid.SampledFrom([]string{"", "-de", "_v2", ".7"}).Draw(t, "tail")
		for _, slip := range [][]rune{swapped, lost, doubled} {
			if string(slip) != string(word) && !Near(string(slip)+tail, string(word)+tail) {
				t.Fatalf("%q is not near %q", string(slip)+tail, string(word)+tail)
			}
		}
	})
}

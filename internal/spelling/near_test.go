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
		"the same name":                                       {"champion", "champion", false},
		"different case":                                      {"Champion", "champion", true},
		"different case of a short word":                      {"PROD", "prod", true},
		"different case, same digits":                         {"Model_V1", "model_v1", true},
		"two letters swapped":                                 {"champoin", "champion", true},
		"two letters swapped at the start":                    {"hcampion", "champion", true},
		"two letters swapped at the end":                      {"champino", "champion", true},
		"a doubled letter":                                    {"chammpion", "champion", true},
		"a missing letter":                                    {"champon", "champion", true},
		"a missing last letter":                               {"shado", "shadow", true},
		"an extra letter at the end":                          {"champions", "champion", true},
		"a typo and different case":                           {"Champoin", "champion", true},
		"a typo before the last part":                         {"champoin-de", "champion-de", true},
		"a typo in a word with a digit":                       {"champoin2", "champion2", true},
		"swapped letters of another script":                   {"чемпоин", "чемпион", true},
		"a separator at the end":                              {"champion_", "champion", true},
		"a separator at the end of a short word":              {"prod-", "prod", true},
		"a separator at the start":                            {"_champion", "champion", true},
		"a space at the end":                                  {"churn ", "churn", true},
		"another separator":                                   {"churn_eu", "churn-eu", true},
		"another separator and different case":                {"churn eu", "Churn-EU", true},
		"two separators instead of one":                       {"churn--eu", "churn-eu", true},
		"a missing separator between letters":                 {"fraudscore", "fraud-score", true},
		"an invisible space":                                  {"fraud\u200bscore", "fraudscore", true},
		"two unrelated words":                                 {"champion", "challenger", false},
		"another letter":                                      {"model-ax", "model-bx", false},
		"one wrong letter in a long word":                     {"candidata", "candidatb", false},
		"two typos":                                           {"chmapoin", "champion", false},
		"a typo in a short word":                              {"prdo", "prod", false},
		"a missing letter in a word of six":                   {"stage", "stages", true},
		"a missing letter in a short word":                    {"devs", "dev", false},
		"a missing separator in a short word":                 {"dev-a", "deva", false},
		"a last part":                                         {"champion-de", "champion", false},
		"another last part":                                   {"champion-de", "champion-fr", false},
		"a last part with two letters swapped":                {"champion-es", "champion-se", false},
		"a long last part with a missing letter":              {"churn.customer", "churn.customers", false},
		"three levels, two letters swapped in the model":      {"main.ml.champoin", "main.ml.champion", true},
		"three levels, a doubled letter in the model":         {"main.ml.forecastt", "main.ml.forecast", true},
		"three levels, different case of the model":           {"main.ml.Churn", "main.ml.churn", true},
		"three levels, another country":                       {"main.ml.churn_de", "main.ml.churn_fr", false},
		"three levels, a short model":                         {"main.ml.chrun", "main.ml.churn", false},
		"three levels, another schema":                        {"main.mlops.forecast", "main.sandbox.forecastt", false},
		"three levels, another catalog":                       {"prod.ml.forecast", "test.ml.forecast", false},
		"two levels, a missing letter":                        {"ml.customer", "ml.customers", false},
		"a last part after a dot":                             {"churn.v1", "churn.v2", false},
		"another number":                                      {"model_v1", "model_v2", false},
		"a doubled digit":                                     {"champion1", "champion11", false},
		"swapped digits":                                      {"champion12", "champion21", false},
		"an extra digit":                                      {"champion2", "champion", false},
		"a moved separator between digits":                    {"forecast_1_12", "forecast_11_2", false},
		"a missing separator between digits":                  {"forecast_112", "forecast_1_12", false},
		"a moved separator between digits, in different case": {"Forecast_1_12", "forecast_11_2", false},
		"another number, in different case":                   {"Champion1", "champion2", false},
		"digits of another script":                            {"champion١", "champion٢", false},
		"accents, which most servers distinguish":             {"chämpion", "champion", false},
		"nothing but separators":                              {"--", "__", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Near(c.a, c.b); got != c.want {
				t.Errorf("Near(%q, %q) = %v", c.a, c.b, got)
			}
		})
	}
}

// nameText draws a name made of words, separators and numbers.
func nameText(t *rapid.T, label string) string {
	part := rapid.OneOf(rapid.StringMatching(`[a-zA-Z]{1,9}`), rapid.StringMatching(`[0-9]{1,3}`),
		rapid.SampledFrom([]string{"champion", "champoin", "ä", "-", "_", ".", " "}))
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
		at := rapid.IntRange(0, len(runes)-1).Filter(func(i int) bool {
			return unicode.IsDigit(runes[i])
		}).Draw(t, "digit")
		switch rapid.IntRange(0, 2).Draw(t, "change") {
		case 0:
			changed[at] = '0' + (changed[at]-'0'+1)%10
		case 1:
			changed = append(changed[:at:at], append([]rune{changed[at]}, changed[at:]...)...)
		case 2:
			changed = append(changed[:at:at], changed[at+1:]...)
		}
		if Near(string(runes), string(changed)) {
			t.Fatalf("%q is near %q, but they differ in digits", string(changed), string(runes))
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

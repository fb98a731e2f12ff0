package spelling

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestOneSlip(t *testing.T) {
	word := rapid.StringMatching(`[ab]{0,7}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		want := slices.Contains(slips(a), b) && min(len(a), len(b)) >= shortestSlip
		if got := OneSlip(a, b); got != want || got != OneSlip(b, a) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// slips returns the word and all words that differ from it by one typo, using the letters a and b.
func slips(word string) []string {
	out := []string{word}
	for i := range len(word) + 1 {
		for _, letter := range []string{"a", "b"} {
			out = append(out, word[:i]+letter+word[i:])
			if i < len(word) {
				out = append(out, word[:i]+word[i+1:], word[:i]+letter+word[i+1:])
			}
		}
		if i+1 < len(word) {
			out = append(out, word[:i]+word[i+1:i+2]+word[i:i+1]+word[i+2:])
		}
	}
	return out
}

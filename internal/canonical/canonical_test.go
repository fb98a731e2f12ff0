package canonical

import "testing"

func TestDigest_SeparatesParts(t *testing.T) {
	if Digest("ab", "c") == Digest("a", "bc") || Digest("a") == Digest("a", "") || Digest() == Digest("") {
		t.Error("different lists of parts have the same digest")
	}
}

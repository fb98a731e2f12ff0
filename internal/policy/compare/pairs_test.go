package compare

import (
	"math"
	"testing"
)

// choose returns the probability of k successes in n trials.
func choose(n, k int, p float64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

func TestLostMore(t *testing.T) {
	for lost := range 30 {
		for gained := range 30 {
			want := 0.0
			for k := lost; k <= lost+gained; k++ {
				want += choose(lost+gained, k, 0.5)
			}
			if got := LostMore(lost, gained); math.Abs(got-want) > 1e-9 {
				t.Errorf("lost %d, gained %d: p = %v, want %v", lost, gained, got, want)
			}
		}
	}
	if p := LostMore(5, 0); math.Abs(p-1.0/32) > 1e-12 { // five tosses of a coin
		t.Errorf("p = %v", p)
	}
}

// If the new version is worse by exactly the margin, the test says at most in alpha of all cases that it is not. This
// sums the probabilities of all outcomes.
func TestNonInferiorPairs_KeepsAlpha(t *testing.T) {
	for _, pairs := range []int{20, 60} {
		for _, margin := range []float64{0.02, 0.05, 0.2} {
			for _, share := range []float64{margin, margin + 0.01, margin + 0.1, margin + 0.3, 0.7} {
				lose, gain := (share+margin)/2, (share-margin)/2
				for _, alpha := range []float64{0.05, 0.01} {
					said := 0.0
					for lost := range pairs + 1 {
						for gained := range pairs - lost + 1 {
							if NonInferiorPairs(lost, gained, pairs, margin) <= alpha {
								said += multinomial(pairs, lost, gained, lose, gain)
							}
						}
					}
					if said > alpha {
						t.Errorf("%d pairs, margin %v, share %v: %v > %v", pairs, margin, share, said, alpha)
					}
				}
			}
		}
	}
}

func multinomial(n, lost, gained int, lose, gain float64) float64 {
	logs := func(k int) float64 { v, _ := math.Lgamma(float64(k + 1)); return v }
	power := func(p float64, k int) float64 {
		if k == 0 {
			return 0
		}
		return float64(k) * math.Log(p)
	}
	same := n - lost - gained
	return math.Exp(logs(n) - logs(lost) - logs(gained) - logs(same) + power(lose, lost) + power(gain, gained) +
		power(1-lose-gain, same))
}

// Many equal pairs show that the new version is not worse, and few do not.
func TestNonInferiorPairs(t *testing.T) {
	for _, c := range []struct {
		lost, gained, pairs int
		margin              float64
		shown               bool
	}{
		{0, 0, 150, 0.05, true}, {0, 0, 50, 0.05, false}, {2, 20, 200, 0.02, true}, {20, 2, 200, 0.05, false},
		{4, 0, 5, 0.1, false}, {0, 5, 5, 0.1, true}, {5, 5, 400, 0.05, true},
	} {
		if p := NonInferiorPairs(c.lost, c.gained, c.pairs, c.margin); (p <= 0.05) != c.shown || p < 0 || p > 1 {
			t.Errorf("%+v: p = %v", c, p)
		}
	}
}

package compare

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// NonInferior tests the null hypothesis that the mean difference is at most -margin, using a one-sided paired
// t-test. p is NaN if all differences are equal.
func NonInferior(gains []float64, margin float64) (mean, p float64) {
	n := float64(len(gains))
	for _, g := range gains {
		mean += g / n
	}
	squares := 0.0
	for _, g := range gains {
		squares += (g - mean) * (g - mean)
	}
	spread := math.Sqrt(squares / (n - 1))
	if !(spread > 1e-12*math.Abs(mean)) || math.IsInf(spread, 0) {
		return mean, math.NaN()
	}
	return mean, studentTail((mean+margin)/(spread/math.Sqrt(n)), n-1)
}

// studentTail returns the probability that Student's t with df degrees of freedom exceeds t. For a positive t, it is
// half the regularised incomplete beta function at df/(df+t²).
func studentTail(t, df float64) float64 {
	tail := mathext.RegIncBeta(df/2, 0.5, df/(df+t*t)) / 2
	if t < 0 {
		return 1 - tail
	}
	return tail
}

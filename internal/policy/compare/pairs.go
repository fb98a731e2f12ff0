package compare

import "gonum.org/v1/gonum/mathext"

// LostMore is the exact one-sided test of McNemar. lost counts the pairs in which only the old version is good, and
// gained those in which only the new one is. p is the probability of at least that many losses if losses and gains are
// equally likely. A small p means that the new version is worse.
func LostMore(lost, gained int) (p float64) {
	if lost == 0 {
		return 1
	}
	return mathext.RegIncBeta(float64(lost), float64(gained+1), 0.5)
}

// uncertainty is the part of alpha that NonInferiorPairs spends on not knowing how many pairs differ.
const uncertainty = 0.001

// NonInferiorPairs tests the null hypothesis that the share of losses exceeds the share of gains by at least the
// margin, which is above 0. The test is exact: a number of losses among the pairs that differ is binomial, and for the
// unknown share of pairs that differ it takes the upper confidence limit (Berger and Boos, 1994).
func NonInferiorPairs(lost, gained, pairs int, margin float64) (p float64) {
	differ := lost + gained
	share := 1.0
	if differ < pairs {
		share = mathext.InvRegIncBeta(float64(differ+1), float64(pairs-differ), 1-uncertainty)
	}
	if share <= margin {
		return uncertainty
	}
	return min(1, atMost(lost, differ, (1+margin/share)/2)+uncertainty)
}

// atMost returns the probability of at most k successes in n trials.
func atMost(k, n int, p float64) float64 {
	if k >= n {
		return 1
	}
	return mathext.RegIncBeta(float64(n-k), float64(k+1), 1-p)
}

// Package attacks tries to get a wrong model promoted, on real MLflow servers
// of several releases, with logins and without. Each attack must end with the
// reason of its kind. Next to them are near misses: honest situations that
// look like attacks and must end promoted. A last table says which number is
// judged when the stock Python client logs models and metrics in the usual
// ways.
//
// The package holds nothing but tests, under the build tag real.
package attacks

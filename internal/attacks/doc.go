// Package attacks tries to get a wrong model promoted, on real MLflow servers of several releases, with and without
// logins. Each attack must end with a reason that its kind allows. Near misses are honest situations that look like
// attacks, and they must end in a promotion. A second table shows which value a gate uses when MLflow's Python client
// has logged models and metrics in the usual ways.
//
// The package contains only tests, with the build tag `real`.
package attacks

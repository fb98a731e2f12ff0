// Package attacks tries to get a wrong model promoted, on real MLflow servers of several releases, with and without
// logins. Each attack must end with a reason that its kind allows. Near misses are honest situations that look like
// attacks, and they must end with a promotion. A second table shows which value a gate uses after MLflow's Python
// client has logged models and metrics in the usual ways.
//
// The package contains only tests, behind the build tag `real`.
package attacks

// Package attacks tries to get a wrong model promoted, on real MLflow servers of several releases, with logins and
// without. Each attack must end with a reason that its kind allows. Near misses are honest situations that look like
// attacks. They must end with a promotion. The last table says which value a gate uses after MLflow's Python client has
// logged models and metrics in the usual ways.
//
// The package has only tests, with the build tag real.
package attacks

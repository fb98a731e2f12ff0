// Package write observes and carries out single steps of a plan.
//
// It must never decide which step comes next, because that is up to package apply.
package write

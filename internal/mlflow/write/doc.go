// Package write observes and carries out single steps of a plan.
//
// It must never decide which step comes next, because package apply does.
package write

// Package write observes and carries out the single steps of a plan.
//
// It must never decide which step comes next: package apply does.
package write

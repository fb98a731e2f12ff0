// Package write observes and carries out single steps of a plan.
//
// It must never decide which step is next: package apply does.
package write

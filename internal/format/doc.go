// Package format writes texts for people and shells: shortened, quoted and without credentials.
package format

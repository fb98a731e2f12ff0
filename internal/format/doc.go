// Package format prepares texts for people and for shells: it shortens and quotes them and removes credentials.
package format

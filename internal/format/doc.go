// Package format prepares text for people and for shells: it shortens and quotes text and removes credentials.
package format

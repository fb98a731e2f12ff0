package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// chain is a sequence of requests, each sent after the response to the previous one.
type chain struct {
	how           string
	median, least float64 // milliseconds per request
}

type chains []chain

const links = 13 // about as many reads as in the main job

// chains sends the same read repeatedly with the program's own client, and does this in three ways.
func (b bench) chains(ctx context.Context) (chains, error) {
	var done chains
	for _, way := range []struct {
		how string
		cfg rest.Config
	}{
		{"acknowledged immediately, like the program", rest.Config{}},
		{"acknowledged when the kernel decides", rest.Config{NoQuickAck: true}},
		{"on a new connection each time", rest.Config{Transport: &http.Transport{DisableKeepAlives: true}}},
	} {
		way.cfg.Base = b.server.URL
		client, err := rest.New(way.cfg)
		if err != nil {
			return nil, err
		}
		var runs []measured
		for range 5 {
			began := time.Now()
			for range links {
				err := client.JSON(ctx, rest.Request{
					Path: "/api/2.0/mlflow/registered-models/get", Query: url.Values{"name": {"ours-0-true"}},
				}, nil)
				if err != nil {
					return nil, err
				}
			}
			runs = append(runs, measured{wall: time.Since(began)})
		}
		middle, least := median(runs, func(m measured) float64 { return ms(m.wall) / links })
		done = append(done, chain{way.how, middle, least})
	}
	return done, nil
}

func (c chains) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d reads of a registered model, one after the other:\n", links)
	for _, chain := range c {
		fmt.Fprintf(w, "  %-44s %5.1f ms each (minimum %.1f)\n", chain.how, chain.median, chain.least)
	}
}

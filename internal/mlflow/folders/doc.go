// Package folders lists the model folders of many runs with few requests.
//
// MLflow's API lists one folder for each request. The endpoint behind MLflow's own pages lists up to ten. It is not
// part of the documented API, so everything here is optional: a folder that could not be listed this way is left out,
// and the caller lists it through the API. A finding must never depend on this package alone.
package folders

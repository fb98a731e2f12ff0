package mlflow

import "context"

// MaxModels is how many names ModelNames returns at most: a registry with as many may have more.
const MaxModels = 10 * namesPage

// ModelNames lists the names of all registered models, as the server sorts them.
func (c *Client) ModelNames(ctx context.Context) ([]string, error) { return c.modelNames(ctx) }

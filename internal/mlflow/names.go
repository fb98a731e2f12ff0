package mlflow

// MaxModels is how many names ModelNames returns at most: a registry with as many may have more.
const MaxModels = 10 * namesPage

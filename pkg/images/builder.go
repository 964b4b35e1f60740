package images

import "context"

// BuildResult is what a build left in the container engine.
type BuildResult struct {
	Local  string // name in the engine, below airworthy.local
	ID     string // sha256 of the image's configuration
	Recipe string
	Hash   string // of the recipe and everything that goes into it
	Note   string // how it differs from what the name stands for, where the recipe says so
	Cached bool   // it was there already
}

// CannotBuildError is what stands in the way of every build that needs it, such
// as a tool that is not installed: to try again is of no use.
type CannotBuildError struct{ Reason string }

func (e *CannotBuildError) Error() string { return e.Reason }

// Builder makes images from package registries.
type Builder interface {
	// Supports names the recipe for an image, and false when there is none.
	Supports(ref string) (recipe string, ok bool)
	// Hash is the one that an image built now would have.
	Hash(ref string) (string, error)
	// Note says how what is built differs from what the name stands for, where the
	// recipe says so.
	Note(ref string) string
	// Build builds the image, or finds it built already.
	Build(ctx context.Context, ref string) (BuildResult, error)
}

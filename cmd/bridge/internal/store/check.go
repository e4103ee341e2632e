package store

import "fmt"

// checkKey holds the key of a Get against the limits.
func checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: the key is empty", ErrInvalid)
	case len(key) > MaxKey:
		return fmt.Errorf("%w: a key of %d bytes; at most %d", ErrInvalid, len(key), MaxKey)
	}
	return nil
}

// checkBatch holds a batch against the limits. Errors name the place of the
// change, never its content.
func checkBatch(changes []Change) error {
	if len(changes) > MaxBatch {
		return fmt.Errorf("%w: a batch of %d changes; at most %d", ErrInvalid, len(changes), MaxBatch)
	}
	total := 0
	seen := make(map[string]struct{}, len(changes))
	for i, c := range changes {
		if err := checkKey(c.Key); err != nil {
			return fmt.Errorf("change %d: %w", i, err)
		}
		if len(c.Value) > MaxValue {
			return fmt.Errorf("change %d: %w: a value of %d bytes; at most %d", i, ErrInvalid, len(c.Value), MaxValue)
		}
		if _, twice := seen[c.Key]; twice {
			return fmt.Errorf("change %d: %w: key %q stands twice in the batch", i, ErrInvalid, c.Key)
		}
		seen[c.Key] = struct{}{}
		total += len(c.Key) + len(c.Value)
	}
	if total > MaxBatchBytes {
		return fmt.Errorf("%w: a batch of %d bytes; at most %d", ErrInvalid, total, MaxBatchBytes)
	}
	return nil
}

// conflict is the error for a key whose revision is not the expected one.
func conflict(key string, want, have uint64) error {
	return fmt.Errorf("%w: key %q has revision %d, expected %d", ErrConflict, key, have, want)
}

"""For people who write models: schemas of their own, what their branch changes, a new model's first draft."""

"""What several families share: prompt templates, completions, chat JSON. None is a family
itself."""

"""OpenAI's chat completions: passed through to the language model with what is remembered, and written."""

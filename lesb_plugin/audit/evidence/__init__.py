"""What an audit looks at: faces, edits at known places, explanations. Nothing is judged here."""

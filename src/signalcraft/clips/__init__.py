"""The clip store: judged recordings, kept by what they contain, for as long as the rules allow."""

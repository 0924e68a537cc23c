"""The moderators' pages: lists of cases, one case, one member."""

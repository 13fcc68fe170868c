"""Style sheets and animation: from rules and attributes to what each element declares, and its computed style."""

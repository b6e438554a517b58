"""Engine: is synchronisation itself running?"""

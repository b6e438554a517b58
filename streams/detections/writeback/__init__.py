"""Writeback: does what happens in the cloud land in AD?"""

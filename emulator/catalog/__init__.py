"""What AWS has on offer: regions, zones, instance types, stock AMIs and managed lists.

Pure data behind typed loaders. Everything is read when it is first asked for, and shared from
then on: nobody may change what a loader returned.
"""

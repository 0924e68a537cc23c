"""The gallery app: finished outputs as items to browse, share and moderate."""

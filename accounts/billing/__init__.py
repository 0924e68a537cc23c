"""Buying credits: a small interface to payment providers, what their events do, and who asks after lost ones.

base        what a provider is, and the words it answers in
registry    which are set up
stripe_api  Stripe, by its official library
buying      an order, and the way to the provider's page
events      what a provider told, done once
looking     asks the provider about orders of which nothing was heard
owing       asks it what was paid back where a payment back failed, and pays back what is owed
"""

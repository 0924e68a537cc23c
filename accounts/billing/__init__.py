"""Billing: buying credits through payment providers, refunds and disputes, redeem codes.

provider_base      what a provider implements: orders, events, errors
provider_registry  the providers that are configured
stripe_api         Stripe, by its official library
orders             an order, and the redirect to the provider's page
payment_events     a provider's events, each applied once
disputes           disputes of payments, one row each
clawback           credits taken back after refunds and disputes
reconciliation     asks the provider about orders without an event
refunds            refunds, and what is still owed to buyers
redeem_codes       codes made in batches and redeemed for credits
"""

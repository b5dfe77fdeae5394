//! What one request was worth: law 7, as formulas.
//!
//! Tokens of the request are the provider's own count. Tokens that were taken
//! out are counted in o200k and never scaled up to the provider's tokens (which
//! are more for most models), so that what is shown is the least that was saved.
//!
//! ```text
//! new  = what is new in the request is billed as: a cache write (5 m, else 1 h) when
//!        the request wrote at least as much as it left uncached, else uncached input;
//!        a cache read when what is new does not fit into both together (the request was
//!        sent before, and its answer was cut off)
//! old  = what was there before is billed as: a cache read when the response read
//!        anything from its cache, else as `new`
//!
//! net  = (first_before − first_after − given_back_new)                  × price(new)
//!      + (replayed_before − replayed_after − given_back_old − overhead) × price(old)
//! ```
//!
//! `first` are blocks first shortened in this request, `replayed` those of
//! earlier ones, `given_back` originals that were asked for, `overhead` our own
//! tool's definition.
//!
//! A request in which everything new is originals given back would not have been
//! sent without us. All it read and wrote is a cost, and so is the call that led to it:
//!
//! ```text
//! net  = − cost of the request's whole input − output of the request before it × price(output)
//! ```
//!
//! A request that failed (no answer, another status than 2xx, cut off before any
//! usage) cost nothing and saved nothing. One that was answered without usage
//! saved tokens that can't be priced. On a subscription there are tokens, and no
//! dollars. An unknown price makes the whole request's money unknown.
//!
//! Worked example (Claude Opus 5.5: input $4, read $0.20, write $5, output $20 a
//! million): an output of 10,000 tokens is sent as 3,000; our tool takes 250.
//! ```text
//! turn 1, writes the output to the cache   7,000 × $5.00 − 250 × $0.20             +$0.034950
//! turn 2, reads it                         (7,000 − 250) × $0.20                   +$0.001350
//! turn 3, only gives the original back:    60,000 × $0.20 + 10,100 × $5.00
//!         and the call had 80 tokens       + 80 × $20.00                           −$0.064100
//! turn 4, reads both                       (7,000 − 10,000 − 250) × $0.20          −$0.000650
//!                                                                            net   −$0.028450
//! ```

use super::price::{Exact, Price, Prices, Rate, cost};
use crate::receipt::{Billing, Usage};
use crate::store::RequestRow;
use crate::units::Tokens;

/// What one request was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth {
    /// Tokens taken out of blocks first shortened in it.
    pub first: i64,
    /// Tokens taken out of blocks that were shortened before.
    pub replayed: i64,
    /// What our own doings took: tool definition, originals given back, and whole requests that only fetched one.
    pub costs: i64,
    /// The same in money.
    pub money: Money,
}

/// Whether a request counts, and in what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was answered and its usage is known.
    Metered(Usage),
    /// It was answered; the answer carried no usage.
    Unmetered,
    /// It cost nothing and saved nothing.
    Failed,
}

/// What a request was worth in money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Money {
    /// At list prices.
    Known {
        /// Saved, net; negative when we cost more than we saved.
        net: Exact,
        /// What the request cost as it was sent.
        spent: Exact,
    },
    /// A price or the usage is not known.
    Unknown,
    /// Covered by a subscription.
    Subscription,
    /// Not billed.
    Nothing,
}

/// Whether and how a request counts.
pub fn standing(row: &RequestRow) -> Standing {
    match row.usage {
        _ if !(200..300).contains(&row.status) => Standing::Failed,
        Some(usage) => Standing::Metered(usage),
        None if row.complete => Standing::Unmetered,
        None => Standing::Failed,
    }
}

/// What the request in `row` was worth. `call` is the output of the request before it in its session: the
/// call that asked for an original, where this one only gives originals back; unknown, it is taken to be as
/// long as this request's own output.
pub fn worth(row: &RequestRow, call: Option<Tokens>, prices: &Prices) -> Worth {
    let nothing = Worth { first: 0, replayed: 0, costs: 0, money: Money::Nothing };
    let usage = match standing(row) {
        Standing::Failed => return nothing,
        Standing::Unmetered => Usage::default(),
        Standing::Metered(usage) => usage,
    };
    let saved = Saved::of(row);
    let (first, replayed, costs) = if row.only_gives_back {
        (0, 0, signed(usage.input()))
    } else {
        (saved.first, saved.replayed, saved.new_costs + saved.old_costs)
    };
    let money = match standing(row) {
        _ if row.billing == Billing::Subscription => Money::Subscription,
        Standing::Metered(usage) => prices
            .of(&row.model, usage.input())
            .and_then(|price| priced(row, &saved, &usage, call, &price))
            .unwrap_or(Money::Unknown),
        _ => Money::Unknown,
    };
    Worth { first, replayed, costs, money }
}

/// Tokens taken out and put in, by when they were first sent.
struct Saved {
    first: i64,
    replayed: i64,
    new_costs: i64,
    old_costs: i64,
}

impl Saved {
    fn of(row: &RequestRow) -> Saved {
        Saved {
            first: signed(row.first_before) - signed(row.first_after),
            replayed: signed(row.replayed_before) - signed(row.replayed_after),
            new_costs: signed(row.given_back_new),
            old_costs: signed(row.given_back_old) + signed(row.overhead),
        }
    }
}

/// `None` when a price that is needed is not known.
fn priced(
    row: &RequestRow,
    saved: &Saved,
    usage: &Usage,
    call: Option<Tokens>,
    price: &Price,
) -> Option<Money> {
    let spent = price.of(usage)?;
    let input = spent - cost(price.output, usage.output)?;
    let net = if row.only_gives_back {
        Exact(0) - input - cost(price.output, call.unwrap_or(usage.output))?
    } else {
        let new = price_of_new(usage, row.first_after + row.given_back_new, price);
        let old = if Tokens(0) < usage.cache_read { price.cache_read } else { new };
        change(new, saved.first - saved.new_costs)? + change(old, saved.replayed - saved.old_costs)?
    };
    Some(Money::Known { net, spent })
}

/// What a token costs that is new in a request of this usage; `sent` tokens of what is new were sent.
fn price_of_new(usage: &Usage, sent: Tokens, price: &Price) -> Option<Rate> {
    let written = usage.cache_write_5m + usage.cache_write_1h;
    if written + usage.uncached < sent && Tokens(0) < usage.cache_read {
        price.cache_read
    } else if written == Tokens(0) || written < usage.uncached {
        price.uncached
    } else if Tokens(0) < usage.cache_write_5m {
        // With both, the hour's breakpoints come first: what is new is behind the last one.
        price.cache_write_5m
    } else {
        price.cache_write_1h
    }
}

fn change(rate: Option<Rate>, tokens: i64) -> Option<Exact> {
    let amount = cost(rate, Tokens(tokens.unsigned_abs()))?;
    Some(if tokens < 0 { Exact(0) - amount } else { amount })
}

/// A count that may be subtracted from. More than 2^63 tokens are not met.
pub(super) fn signed(tokens: Tokens) -> i64 {
    i64::try_from(tokens.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::conversation::CacheAsk;
    use crate::units::{MicroUsd, Millis, SessionId};
    use proptest::prelude::*;

    /// A request that was answered and about which nothing else is known.
    pub(crate) fn row(model: &str, usage: Usage) -> RequestRow {
        RequestRow {
            number: 1,
            at: Millis(0),
            session: SessionId("s".into()),
            run: "r".into(),
            agent: "claude".into(),
            project: "/p".into(),
            model: model.into(),
            status: 200,
            complete: true,
            bytes_before: 0,
            bytes_after: 0,
            volume: None,
            first_before: Tokens(0),
            first_after: Tokens(0),
            replayed_before: Tokens(0),
            replayed_after: Tokens(0),
            given_back_new: Tokens(0),
            given_back_old: Tokens(0),
            only_gives_back: false,
            overhead: Tokens(0),
            head: None,
            preamble: None,
            cache: CacheAsk::FiveMinutes,
            usage: Some(usage),
            billing: Billing::ApiKey,
            miss: None,
        }
    }

    fn usage(uncached: u64, cache_read: u64, cache_write_5m: u64, output: u64) -> Usage {
        Usage {
            uncached: Tokens(uncached),
            cache_read: Tokens(cache_read),
            cache_write_5m: Tokens(cache_write_5m),
            cache_write_1h: Tokens(0),
            output: Tokens(output),
        }
    }

    fn net(row: &RequestRow, call: Option<Tokens>) -> Option<i64> {
        match worth(row, call, &Prices::built_in()).money {
            Money::Known { net, .. } => Some(net.rounded().0),
            _ => None,
        }
    }

    #[test]
    fn the_worked_example_holds() {
        let opus = "claude-opus-5-5";
        let first = RequestRow {
            first_before: Tokens(10_000),
            first_after: Tokens(3_000),
            overhead: Tokens(250),
            ..row(opus, usage(4, 50_000, 3_900, 200))
        };
        let second = RequestRow {
            replayed_before: Tokens(10_000),
            replayed_after: Tokens(3_000),
            overhead: Tokens(250),
            ..row(opus, usage(4, 54_000, 900, 80))
        };
        let third = RequestRow {
            replayed_before: Tokens(10_000),
            replayed_after: Tokens(3_000),
            overhead: Tokens(250),
            given_back_new: Tokens(10_000),
            only_gives_back: true,
            ..row(opus, usage(0, 60_000, 10_100, 500))
        };
        let fourth = RequestRow {
            replayed_before: Tokens(10_000),
            replayed_after: Tokens(3_000),
            overhead: Tokens(250),
            given_back_old: Tokens(10_000),
            ..row(opus, usage(4, 70_100, 700, 300))
        };
        assert_eq!(net(&first, None), Some(34_950));
        assert_eq!(net(&second, None), Some(1_350));
        assert_eq!(net(&third, Some(Tokens(80))), Some(-64_100));
        assert_eq!(net(&third, None), Some(-72_500), "an unknown call counts as its whole answer");
        assert_eq!(net(&fourth, None), Some(-650));
        assert_eq!(34_950 + 1_350 - 64_100 - 650, -28_450);

        let spent = match worth(&first, None, &Prices::built_in()).money {
            Money::Known { spent, .. } => spent.rounded(),
            other => panic!("{other:?}"),
        };
        assert_eq!(spent, MicroUsd(4 * 4 + 50_000 / 5 + 3_900 * 5 + 200 * 20));
        assert_eq!(worth(&third, None, &Prices::built_in()).costs, 70_100);
    }

    #[test]
    fn a_new_token_costs_what_the_request_shows() {
        let hour = Usage { cache_write_5m: Tokens(0), cache_write_1h: Tokens(900), ..usage(3, 9_000, 0, 1) };
        let both = Usage { cache_write_1h: Tokens(900), ..usage(3, 9_000, 400, 1) };
        let cases = [
            ("written for five minutes", usage(3, 9_000, 900, 1), 5),
            ("written for an hour", hour, 8),
            ("both: the tail is in the shorter one", both, 5),
            ("no cache", usage(9_000, 0, 0, 1), 4),
            ("only the preamble was written", usage(9_000, 0, 2_000, 1), 4),
            ("only the preamble was read", usage(9_000, 2_000, 0, 1), 4),
        ];
        for (name, usage, dollars) in cases {
            let row = RequestRow { first_before: Tokens(1_000), ..row("claude-opus-5-5", usage) };
            assert_eq!(net(&row, None), Some(1_000 * dollars), "{name}");
        }
        let sent_again = RequestRow {
            first_before: Tokens(6_000),
            first_after: Tokens(1_000),
            ..row("claude-opus-5-5", usage(3, 9_000, 200, 1))
        };
        assert_eq!(net(&sent_again, None), Some(5_000 / 5), "sent again: the thousand was in the cache");
    }

    #[test]
    fn what_failed_saved_nothing_and_what_has_no_price_is_unknown() {
        let saved = |row: RequestRow| RequestRow { first_before: Tokens(5_000), ..row };
        let answered = || saved(row("claude-opus-5-5", usage(9, 9, 9, 9)));
        let zero = |money| Worth { first: 0, replayed: 0, costs: 0, money };
        let kept = |money| Worth { first: 5_000, replayed: 0, costs: 0, money };
        let cases = [
            ("overloaded", RequestRow { status: 529, usage: None, ..answered() }, zero(Money::Nothing)),
            ("refused, though with usage", RequestRow { status: 400, ..answered() }, zero(Money::Nothing)),
            ("no answer", RequestRow { status: 0, usage: None, ..answered() }, zero(Money::Nothing)),
            (
                "cut off early",
                RequestRow { usage: None, complete: false, ..answered() },
                zero(Money::Nothing),
            ),
            ("no usage", RequestRow { usage: None, ..answered() }, kept(Money::Unknown)),
            ("unknown model", RequestRow { model: "new-thing".into(), ..answered() }, kept(Money::Unknown)),
            (
                "subscription",
                RequestRow { billing: Billing::Subscription, ..answered() },
                kept(Money::Subscription),
            ),
        ];
        for (name, row, want) in cases {
            assert_eq!(worth(&row, None, &Prices::built_in()), want, "{name}");
        }
        let cut_off_late = RequestRow { complete: false, ..answered() };
        assert!(net(&cut_off_late, None).is_some(), "its input was billed");
    }

    proptest! {
        /// An unknown model never has a sum of money, however little it used.
        #[test]
        fn an_unknown_price_is_never_a_number(model in "[a-z]{3,12}-[0-9]{3}", tokens in 0u64..1_000_000) {
            let row = RequestRow { first_before: Tokens(tokens), ..row(&model, usage(tokens, 0, 0, 0)) };
            prop_assert_eq!(worth(&row, None, &Prices::built_in()).money, Money::Unknown);
        }

        /// More saved is worth more; more of our own costs is worth less.
        #[test]
        fn money_follows_tokens(
            saved in 0u64..50_000, more in 1u64..5_000, costs in 0u64..5_000,
            read in 0u64..100_000, written in 1u64..9_000,
        ) {
            let base = RequestRow {
                first_before: Tokens(saved),
                overhead: Tokens(costs),
                ..row("claude-sonnet-5-5", usage(1, read, written, 9))
            };
            let richer = RequestRow { first_before: Tokens(saved + more), ..base.clone() };
            let dearer = RequestRow { given_back_new: Tokens(more), ..base.clone() };
            prop_assert!(net(&base, None) < net(&richer, None));
            prop_assert!(net(&dearer, None) < net(&base, None));
        }
    }
}

//! The ten instruments of the demo, and whose they are.

/// One instrument, with what the market generator needs to know of it.
#[derive(Debug, Clone, Copy)]
pub struct Instrument {
    /// The ticker.
    pub symbol: &'static str,
    /// The company.
    pub name: &'static str,
    /// The sector.
    pub sector: &'static str,
    /// The exchange.
    pub exchange: &'static str,
    /// The currency of its price.
    pub currency: &'static str,
    /// Units of one lot.
    pub lot_size: u32,
    /// The tenant whose list it is on; its trades are that tenant's.
    pub tenant: &'static str,
    /// The price that the walk returns to.
    pub(super) mean_price: f64,
    /// The standard deviation of a day's relative change.
    pub(super) daily_volatility: f64,
    /// The usual distance of bid and ask, in basis points of the price.
    pub(super) spread_bps: f64,
    /// The usual quantity of a trade, in units.
    pub(super) usual_quantity: f64,
    /// How often it is traded, relative to the others.
    pub(super) weight: u32,
}

/// The id of the first tenant.
pub(super) const ACME: &str = "acme";
/// The id of the second tenant.
pub(super) const GLOBEX: &str = "globex";

/// How many instruments there are.
pub(super) const COUNT: usize = 10;

macro_rules! instruments {
    ($($symbol:literal $name:literal $sector:literal $exchange:literal $lot:literal $tenant:ident
        $price:literal $volatility:literal $spread:literal $quantity:literal $weight:literal;)+) => {
        /// Every instrument. Trades and quotes name it by its place here.
        pub const INSTRUMENTS: [Instrument; COUNT] = [$(Instrument {
            symbol: $symbol,
            name: $name,
            sector: $sector,
            exchange: $exchange,
            currency: "USD",
            lot_size: $lot,
            tenant: $tenant,
            mean_price: $price,
            daily_volatility: $volatility,
            spread_bps: $spread,
            usual_quantity: $quantity,
            weight: $weight,
        }),+];
    };
}

instruments! {
    "AAPL" "Apple Inc." "Technology" "NASDAQ" 100 ACME 201.70 0.017 0.9 120.0 14;
    "MSFT" "Microsoft Corporation" "Technology" "NASDAQ" 100 ACME 460.97 0.015 0.8 80.0 12;
    "GOOGL" "Alphabet Inc." "Communication Services" "NASDAQ" 100 ACME 171.74 0.018 1.0 100.0 10;
    "AMZN" "Amazon.com, Inc." "Consumer Discretionary" "NASDAQ" 100 ACME 205.01 0.019 1.0 110.0 10;
    "NVDA" "NVIDIA Corporation" "Technology" "NASDAQ" 100 ACME 135.13 0.028 1.2 220.0 16;
    "TSLA" "Tesla, Inc." "Consumer Discretionary" "NASDAQ" 100 GLOBEX 346.46 0.034 1.8 90.0 14;
    "META" "Meta Platforms, Inc." "Communication Services" "NASDAQ" 100 GLOBEX 647.49 0.020 1.1 60.0 8;
    "JPM" "JPMorgan Chase & Co." "Financials" "NYSE" 100 GLOBEX 264.00 0.013 1.0 70.0 6;
    "BAC" "Bank of America Corporation" "Financials" "NYSE" 100 GLOBEX 44.13 0.015 2.3 350.0 6;
    "GS" "The Goldman Sachs Group, Inc." "Financials" "NYSE" 100 GLOBEX 600.45 0.015 1.6 40.0 4;
}

/// The symbols on a tenant's list.
pub fn symbols_of(tenant: &str) -> impl Iterator<Item = &'static str> {
    INSTRUMENTS.iter().filter(move |instrument| instrument.tenant == tenant).map(|instrument| instrument.symbol)
}

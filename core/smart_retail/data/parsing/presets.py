"""Presets: the headers and row conventions of well-known exports, and the header aliases of all other sources.

A preset is recognised by its headers; ``--map`` and the settings override it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from smart_retail.data import columns as c


def normalize_header(header: str) -> str:
    """Return a header without case, accents, spaces and punctuation: ``Sub-Category`` is ``subcategory``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", header)
    plain = unicodedata.normalize("NFKD", spaced.replace("ß", "ss").replace("ł", "l").replace("Ł", "L"))
    return re.sub(r"[\W_]+", "", "".join(s for s in plain if not unicodedata.combining(s))).lower()


def without_unit(header: str) -> str:
    """Return a header without a unit or currency: ``Betrag (EUR)`` as ``Betrag``, ``Amount in USD`` as ``Amount``."""
    text = re.sub(r"\s*[(\[][^)\]]*[)\]]\s*$", "", header)
    return re.sub(r"(?i)[\s/_-]+(in\s+)?(eur|usd|gbp|chf|pln|euro|€|\$|£|stk|pcs)\.?$", "", text)


@dataclass(frozen=True, slots=True)
class Preset:
    """The headers of a known export and the conventions of its rows."""

    name: str
    columns: Mapping[str, tuple[str, ...]]
    """Canonical column name -> possible headers."""
    required: tuple[str, ...]
    """Canonical columns that must be present for the preset to be recognised."""
    merchandise: str = ""
    """Pattern of the item codes of products; empty: all are products."""
    fold_item_case: bool = False
    """Whether item codes are converted to capital letters."""
    drop_duplicates: bool = False
    """Whether repeated rows of one source are rejected as duplicates."""
    cancel_prefix: str = ""
    """Prefix of the order ids of cancellations, in addition to negative quantities."""
    free_lines: bool = True
    """Whether a line with price 0 is a purchase."""
    money_discounts: tuple[str, ...] = ()
    """Headers of discounts in money, which are added up."""
    fill_down: tuple[str, ...] = ()
    """Canonical columns that only the first row of an order has; the other rows of the order get its values."""
    subtract_discount: bool = False
    """Whether the amount of a line is before its discount."""
    rejected_statuses: tuple[str, ...] = ()
    """Statuses of orders that are not valid, in addition to the known ones."""
    no_customer: tuple[str, ...] = ()
    """Customer ids that stand for no customer."""
    document: str = ""
    """The vendor's document that the columns are taken from."""
    name_as_item: bool = False
    """Whether a line without an item id is identified by its item name."""
    expected_rejections: tuple[str, ...] = ()
    """Rejection reasons that are normal for this export, such as guest checkouts without a customer."""
    notes: tuple[str, ...] = field(default=())
    """Notes for the cleaning report."""


CANONICAL = Preset("canonical", {name: (name,) for name in c.CANONICAL}, c.REQUIRED)

SUPERSTORE = Preset(
    "superstore",
    {
        c.CUSTOMER_ID: ("Customer ID",),
        c.ORDER_ID: ("Order ID",),
        c.ITEM_ID: ("Product ID",),
        c.TIMESTAMP: ("Order Date",),
        c.QUANTITY: ("Quantity",),
        c.AMOUNT: ("Sales",),
        c.ITEM_NAME: ("Product Name",),
        c.CATEGORY: ("Category",),
        c.SUBCATEGORY: ("Sub-Category",),
        c.SHIP_TIMESTAMP: ("Ship Date",),
        c.DISCOUNT: ("Discount",),
        c.PROFIT: ("Profit",),
        c.CUSTOMER_NAME: ("Customer Name",),
        c.COUNTRY: ("Country", "Country/Region"),
        c.MARKET: ("Market",),
        c.RETURNED: ("Returned",),
    },
    (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID, c.TIMESTAMP, c.AMOUNT),
)

UCI = Preset(
    "uci online retail",
    {
        c.CUSTOMER_ID: ("CustomerID", "Customer ID"),
        c.ORDER_ID: ("InvoiceNo", "Invoice"),
        c.ITEM_ID: ("StockCode",),
        c.TIMESTAMP: ("InvoiceDate",),
        c.QUANTITY: ("Quantity",),
        c.UNIT_PRICE: ("UnitPrice", "Price"),
        c.ITEM_NAME: ("Description",),
        c.COUNTRY: ("Country",),
    },
    (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID, c.TIMESTAMP, c.QUANTITY, c.UNIT_PRICE),
    merchandise=r"^[0-9]{5}",
    fold_item_case=True,
    drop_duplicates=True,
    cancel_prefix="C",
    free_lines=False,
    expected_rejections=("no customer", "price not positive", "zero quantity"),
    notes=(
        "Item codes are converted to capital letters; codes that do not start with five digits are not products; "
        "lines with price 0 are not purchases; repeated rows of one file are counted once.",
    ),
)

COMPLETE_JOURNEY = Preset(
    "complete journey",
    {
        c.CUSTOMER_ID: ("household_id", "household_key"),
        c.ORDER_ID: ("basket_id",),
        c.ITEM_ID: ("product_id",),
        c.TIMESTAMP: ("transaction_timestamp",),
        c.QUANTITY: ("quantity",),
        c.AMOUNT: ("sales_value",),
        c.ITEM_NAME: ("item_name", "product_type"),
        c.CATEGORY: ("category", "department"),
        c.SUBCATEGORY: ("subcategory", "product_category"),
    },
    (c.CUSTOMER_ID, c.ORDER_ID, c.ITEM_ID, c.TIMESTAMP, c.AMOUNT),
    money_discounts=("retail_disc", "coupon_disc", "coupon_match_disc"),
    expected_rejections=("zero quantity",),
    notes=("Discounts are in money and are divided by (amount + discount).",),
)

SHOPIFY = Preset(
    "shopify",
    {
        c.ORDER_ID: ("Name",),
        c.CUSTOMER_ID: ("Email",),
        c.TIMESTAMP: ("Created at",),
        c.QUANTITY: ("Lineitem quantity",),
        c.UNIT_PRICE: ("Lineitem price",),
        c.LINE_DISCOUNT: ("Lineitem discount",),
        c.ITEM_ID: ("Lineitem sku",),
        c.ITEM_NAME: ("Lineitem name",),
        c.CUSTOMER_NAME: ("Billing Name",),
        c.COUNTRY: ("Billing Country",),
        c.SHIP_TIMESTAMP: ("Fulfilled at",),
        c.PAYMENT_STATUS: ("Financial Status",),
        c.CANCELLED_AT: ("Cancelled at",),
        c.REFUNDED_AMOUNT: ("Refunded Amount",),
    },
    (c.ORDER_ID, c.CUSTOMER_ID, c.TIMESTAMP, c.QUANTITY, c.UNIT_PRICE, c.PAYMENT_STATUS),
    fill_down=(
        c.CUSTOMER_ID, c.CUSTOMER_NAME, c.COUNTRY, c.SHIP_TIMESTAMP, c.PAYMENT_STATUS, c.CANCELLED_AT,
        c.REFUNDED_AMOUNT,
    ),
    name_as_item=True,
    expected_rejections=("no customer",),
    notes=(
        "The amount of a line is quantity x price - discount; the customer and the status of an order are in its "
        "first row. Cancelled and unpaid orders are rejected, refunded orders are returns; a part that was refunded is "
        "spread over the lines of the order.",
    ),
    document='Shopify Help Center, "Exporting orders": order export CSV',
)  # fmt: skip
"""One row per line item; the fields of an order are in its first row only."""

WOOCOMMERCE = Preset(
    "woocommerce",
    {
        c.ORDER_ID: ("Order Number", "order_number", "Order ID", "order_id"),
        c.CUSTOMER_ID: ("Email (Billing)", "billing_email", "Billing Email Address"),
        c.TIMESTAMP: ("Order Date", "order_date"),
        c.QUANTITY: ("Quantity", "Quantity (- Refund)", "item_quantity"),
        c.UNIT_PRICE: ("Item Cost", "item_price"),
        c.AMOUNT: ("Order Line Total", "Item Total", "item_total"),
        c.ITEM_ID: ("SKU", "item_sku"),
        c.ITEM_NAME: ("Item Name", "item_name"),
        c.COUNTRY: ("Country Code (Billing)", "billing_country"),
        c.ORDER_STATUS: ("Order Status", "status", "order_status"),
    },
    (c.ORDER_ID, c.CUSTOMER_ID, c.TIMESTAMP, c.QUANTITY, c.ITEM_NAME, c.ORDER_STATUS),
    name_as_item=True,
    expected_rejections=("no customer",),
    notes=("Cancelled, failed and unpaid orders are rejected, refunded orders are returns.",),
    document='"Advanced Order Export For WooCommerce" and WooCommerce "Customer/Order/Coupon Export"',
)
"""One row per line item."""

MAGENTO = Preset(
    "magento",
    {
        c.ORDER_ID: ("increment_id",),
        c.CUSTOMER_ID: ("customer_email", "customer_id"),
        c.TIMESTAMP: ("created_at",),
        c.ITEM_ID: ("sku",),
        c.ITEM_NAME: ("name",),
        c.QUANTITY: ("qty_ordered",),
        c.UNIT_PRICE: ("price",),
        c.LINE_DISCOUNT: ("discount_amount",),
        c.REFUNDED_QUANTITY: ("qty_refunded",),
        c.ORDER_STATUS: ("status",),
        c.COUNTRY: ("country_id",),
    },
    (c.ORDER_ID, c.CUSTOMER_ID, c.TIMESTAMP, c.ITEM_ID, c.QUANTITY, c.UNIT_PRICE),
    free_lines=False,
    rejected_statuses=("canceled", "pending_payment", "payment_review", "fraud", "holded"),
    expected_rejections=("no customer", "price not positive", "zero quantity"),
    notes=(
        "The amount of a line is qty_ordered x price - discount_amount; rows with price 0 are parts of a configurable "
        "product. Cancelled and unpaid orders are rejected, refunded quantities are returns.",
    ),
    document="Adobe Commerce Web API reference: fields of orders (SalesDataOrderInterface) and order items "
    "(SalesDataOrderItemInterface)",
)
"""One row per order item with the fields of its order. The grid export of the Admin has orders without items."""

PRESTASHOP = Preset(
    "prestashop",
    {
        c.ORDER_ID: ("id_order",),
        c.CUSTOMER_ID: ("id_customer",),
        c.TIMESTAMP: ("date_add",),
        c.ITEM_ID: ("product_id",),
        c.ITEM_NAME: ("product_name",),
        c.QUANTITY: ("product_quantity",),
        c.AMOUNT: ("total_price_tax_excl",),
        c.UNIT_PRICE: ("unit_price_tax_excl",),
        c.REFUNDED_QUANTITY: ("product_quantity_refunded", "product_quantity_return"),
        c.ORDER_STATUS: ("valid",),
    },
    (c.ORDER_ID, c.CUSTOMER_ID, c.TIMESTAMP, c.ITEM_ID, c.QUANTITY),
    rejected_statuses=("0",),
    notes=("Orders that are not valid (not paid, or cancelled) are rejected, refunded quantities are returns.",),
    document="PrestaShop Developer Documentation: webservice resources orders and order_details",
)
"""One row per order detail with the fields of its order, as the SQL Manager exports them."""

SQUARE = Preset(
    "square",
    {
        c.ORDER_ID: ("Transaction ID",),
        c.CUSTOMER_ID: ("Customer ID",),
        c.TIMESTAMP: ("Date",),
        c.QUANTITY: ("Qty",),
        c.AMOUNT: ("Net Sales",),
        c.ITEM_ID: ("SKU",),
        c.ITEM_NAME: ("Item",),
        c.CATEGORY: ("Category",),
        c.CUSTOMER_NAME: ("Customer Name",),
    },
    (c.ORDER_ID, c.CUSTOMER_ID, c.TIMESTAMP, c.QUANTITY, c.AMOUNT, c.ITEM_NAME),
    name_as_item=True,
    expected_rejections=("no customer",),
    notes=("Net sales are after discounts; refunds are lines with negative amounts.",),
    document="Items Detail CSV of the Square Dashboard; columns as in published code that reads it",
)
"""One row per item of a transaction; an item without a SKU is identified by its name."""

LIGHTSPEED = Preset(
    "lightspeed",
    {
        c.ORDER_ID: ("saleID",),
        c.CUSTOMER_ID: ("customerID",),
        c.TIMESTAMP: ("timeStamp", "completeTime", "createTime"),
        c.ITEM_ID: ("itemID",),
        c.QUANTITY: ("unitQuantity",),
        c.UNIT_PRICE: ("unitPrice",),
        c.ITEM_NAME: ("description",),
    },
    (c.ORDER_ID, c.CUSTOMER_ID, c.TIMESTAMP, c.ITEM_ID, c.QUANTITY, c.UNIT_PRICE),
    no_customer=("0",),
    expected_rejections=("no customer",),
    notes=("The amount of a line is unitQuantity x unitPrice; sales of customer 0 have no customer.",),
    document="Lightspeed Retail (R-Series) API: fields of Sale and SaleLine, as seen in the published schemas",
)
"""One row per sale line with the fields of its sale."""

ETSY = Preset(
    "etsy",
    {
        c.ORDER_ID: ("Order ID",),
        c.CUSTOMER_ID: ("Buyer",),
        c.TIMESTAMP: ("Sale Date",),
        c.QUANTITY: ("Quantity",),
        c.UNIT_PRICE: ("Price",),
        c.LINE_DISCOUNT: ("Discount Amount",),
        c.ITEM_ID: ("Listing ID",),
        c.ITEM_NAME: ("Item Name",),
        c.SHIP_TIMESTAMP: ("Date Shipped",),
        c.COUNTRY: ("Ship Country",),
    },
    (c.ORDER_ID, c.CUSTOMER_ID, c.TIMESTAMP, c.QUANTITY, c.UNIT_PRICE, c.ITEM_ID),
    notes=("The amount of a line is quantity x price - discount.",),
    document="Sold Order Items CSV of Etsy Shop Manager; columns as in published code that reads it",
)
"""One row per listing of an order."""

AMAZON = Preset(
    "amazon",
    {
        c.ORDER_ID: ("order-id", "amazon-order-id"),
        c.CUSTOMER_ID: ("buyer-email",),
        c.TIMESTAMP: ("purchase-date",),
        c.QUANTITY: ("quantity-purchased", "quantity"),
        c.AMOUNT: ("item-price",),
        c.LINE_DISCOUNT: ("item-promotion-discount",),
        c.ITEM_ID: ("sku",),
        c.ITEM_NAME: ("product-name",),
        c.CUSTOMER_NAME: ("buyer-name",),
        c.COUNTRY: ("ship-country",),
        c.MARKET: ("sales-channel",),
        c.ORDER_STATUS: ("order-status",),
    },
    (c.ORDER_ID, c.CUSTOMER_ID, c.TIMESTAMP, c.QUANTITY, c.AMOUNT, c.ITEM_ID),
    subtract_discount=True,
    expected_rejections=("no customer",),
    notes=("item-price is the price of all units of a line; a promotion discount is subtracted.",),
    document='Amazon Selling Partner API documentation, "Order reports attributes"',
)
"""One row per order item. The report of all orders has no buyer, so it cannot be used."""

NO_PRESET = Preset("aliases", {}, ())
"""No known export: columns are recognised by aliases, and there are no special rules for rows."""

PRESETS = (
    CANONICAL, SUPERSTORE, UCI, COMPLETE_JOURNEY, SHOPIFY, WOOCOMMERCE, MAGENTO, PRESTASHOP, SQUARE, LIGHTSPEED, ETSY,
    AMAZON,
)  # fmt: skip

ALIASES: Mapping[str, tuple[str, ...]] = {
    c.CUSTOMER_ID: (
        "customer id", "customer no", "customer number", "customer code", "customer key", "cust id", "cust no",
        "client id", "client no", "client number", "client code", "buyer id", "user id", "userid", "member id",
        "household id", "household key", "account id", "shopper id", "loyalty id", "card number", "kundennummer",
        "kundennr", "kunden nr", "kunden id", "kdnr", "kd nr", "debitorennummer", "debitor", "numero client",
        "no client", "n client", "code client", "id client", "numero cliente", "codigo cliente", "id cliente",
        "n cliente", "codice cliente", "klantnummer", "klant id", "klantnr", "numer klienta", "nr klienta",
        "id klienta", "customer", "cust", "client", "buyer", "user", "member", "household", "account", "kunde",
        "cliente", "klant", "klient", "customer email", "email", "e mail",
    ),
    c.ITEM_ID: (
        "item id", "item no", "item number", "item code", "product id", "product code", "product no",
        "product number", "product key", "sku", "sku id", "stock code", "article id", "article no",
        "article number",
        "article code", "artikelnummer", "artikel nr", "artikelnr", "art nr", "artnr", "artikel id",
        "produktnummer",
        "code article", "reference article", "ref article", "codigo articulo", "referencia", "codigo producto",
        "codice articolo", "codice prodotto", "artikelcode", "codigo produto", "codigo artigo", "numer produktu",
        "indeks", "kod produktu", "ean", "upc", "gtin", "asin", "material", "lineitem sku", "item", "product",
        "article", "artikel", "produkt", "articulo", "producto", "articolo", "prodotto", "artigo", "produto",
        "towar", "produit",
    ),
    c.TIMESTAMP: (
        "timestamp", "date", "order date", "order time", "order datetime", "order timestamp", "invoice date",
        "invoice time", "transaction date", "transaction time", "transaction timestamp", "transaction datetime",
        "purchase date", "purchase time", "datum", "bestelldatum", "auftragsdatum", "rechnungsdatum", "belegdatum",
        "buchungsdatum", "verkaufsdatum", "date commande", "date de commande", "date facture", "date de facture",
        "fecha",
        "fecha pedido", "fecha factura", "data", "data ordine", "data fattura", "orderdatum", "besteldatum",
        "factuurdatum", "data pedido", "data do pedido", "data zamowienia", "data faktury", "sale date",
        "sales date",
        "date of purchase", "created at", "datetime",
        "time", "order purchase timestamp",
    ),
    c.ORDER_ID: (
        "order id", "order", "order no", "order number", "order code", "invoice", "invoice id", "invoice no",
        "invoice number", "transaction id", "transaction", "transaction no", "basket", "basket id", "receipt",
        "bestellnummer", "auftragsnummer", "rechnungsnummer", "rechnung nr", "belegnummer", "beleg nr",
        "bestellung",
        "auftrag", "rechnung", "beleg", "numero commande", "n commande", "commande", "numero facture", "facture",
        "pedido",
        "numero pedido", "factura", "numero factura", "ordine", "numero ordine", "fattura", "numero fattura",
        "ordernummer", "bestelnummer", "factuurnummer", "fatura", "numer zamowienia", "zamowienie", "numer faktury",
        "faktura", "receipt id", "receipt no", "receipt number", "bill no", "ticket", "ticket id", "sales order",
        "name order",
    ),
    c.QUANTITY: (
        "quantity", "qty", "menge", "anzahl", "stueck", "stuck", "stueckzahl", "quantite", "qte", "cantidad",
        "cant",
        "unidades", "quantita", "qta", "aantal", "hoeveelheid", "quantidade", "qtd", "ilosc", "units",
        "order quantity", "quantity ordered", "units sold", "pieces", "number of items",
        "lineitem quantity", "item quantity", "count", "pcs",
    ),
    c.AMOUNT: (
        "amount", "betrag", "umsatz", "nettobetrag", "gesamt", "gesamtpreis", "summe", "zeilensumme", "montant",
        "montant ht", "total ht", "importe", "monto", "importo", "totale", "bedrag", "omzet", "totaal", "valor",
        "valor total", "kwota", "wartosc", "wartosc netto", "sales", "revenue", "total", "line total", "net amount",
        "net sales", "sales value", "sales amount",
        "total price", "total amount", "total sales", "turnover", "value", "net revenue", "line amount",
        "extended price", "subtotal", "total spent", "net value",
    ),
    c.UNIT_PRICE: (
        "unit price", "einzelpreis", "stueckpreis", "preis", "prix unitaire", "prix", "precio unitario", "precio",
        "prezzo unitario", "prezzo", "stukprijs", "prijs", "preco unitario", "preco", "cena jednostkowa", "cena",
        "price", "item price", "price each", "price per unit", "product price", "lineitem price",
        "selling price", "sale price",
    ),
    c.ITEM_NAME: (
        "item name", "product name", "description", "item description", "product description", "title",
        "product title", "article name", "lineitem name", "product type",
    ),
    c.CATEGORY: ("category", "product category", "item category", "department", "product line", "category name"),
    c.SUBCATEGORY: ("subcategory", "sub category", "product subcategory", "sub category name", "commodity"),
    c.SHIP_TIMESTAMP: (
        "ship timestamp", "ship date", "shipping date", "shipped date", "shipped at", "dispatch date",
        "delivery date",
        "date shipped", "fulfilled at",
    ),
    c.DISCOUNT: (
        "discount", "discount rate", "discount percent", "discount percentage", "discount pct", "discount amount",
        "rebate",
    ),
    c.PROFIT: ("profit", "margin", "gross profit", "profit amount"),
    c.CUSTOMER_NAME: ("customer name", "client name", "buyer name", "full name", "billing name"),
    c.COUNTRY: ("country", "country region", "country name", "customer country", "shipping country", "country code"),
    c.RETURNED: ("returned", "is returned", "return flag", "returned flag", "return status"),
    c.MARKET: ("market", "marketplace", "sales channel"),
    c.ORDER_STATUS: (
        "order status", "auftragsstatus", "bestellstatus", "statut commande", "statut de la commande",
        "estado pedido",
        "estado del pedido", "stato ordine", "orderstatus", "estado do pedido", "status zamowienia",
    ),
    c.PAYMENT_STATUS: (
        "payment status", "financial status", "zahlungsstatus", "statut paiement", "estado pago", "stato pagamento",
        "betaalstatus", "status pagamento", "status platnosci",
    ),
    c.CANCELLED_AT: ("cancelled at", "canceled at", "cancelled on", "cancellation date", "stornodatum", "storniert am"),
    c.LINE_DISCOUNT: ("line discount", "lineitem discount", "item discount amount"),
    c.REFUNDED_QUANTITY: (
        "refunded quantity", "quantity refunded", "qty refunded", "returned quantity", "quantity returned",
        "retourmenge",
    ),
    c.REFUNDED_AMOUNT: ("refunded amount",),
}  # fmt: skip
"""Other headers of a column, in order of preference; case, spaces and punctuation are ignored."""

BARE_NAMES: Mapping[str, tuple[str, ...]] = {
    c.CUSTOMER_NAME: ("customer", "client", "buyer", "member", "kunde", "kundenname", "cliente", "klant", "klient"),
    c.ITEM_NAME: (
        "item", "product", "article", "artikel", "artikelname", "bezeichnung", "artikelbezeichnung", "produkt",
        "produit",
        "designation", "libelle", "articulo", "producto", "descripcion", "articolo", "prodotto", "descrizione",
        "omschrijving", "artigo", "produto", "descricao", "towar", "nazwa", "nazwa produktu",
    ),
}  # fmt: skip
"""Headers that are names if another column is the id: next to `Customer No`, `Customer` is the name."""

CATALOGUE_ALIASES: Mapping[str, tuple[str, ...]] = {
    c.ITEM_ID: (
        "item id", "variant sku", "sku", "item no", "item number", "item code", "product id", "product code",
        "product no", "product number", "stock code", "article id", "article no", "article number", "article code",
        "artikelnummer", "artikel nr", "artikelnr", "art nr", "artnr", "artikel id", "produktnummer", "code article",
        "reference article", "codigo articulo", "referencia", "codigo producto", "codice articolo",
        "codice prodotto", "artikelcode", "codigo produto", "numer produktu", "kod produktu", "id", "ean", "upc",
        "gtin", "asin", "item", "product", "article", "artikel",
    ),
    c.ITEM_NAME: (
        "item name", "product name", "name", "title", "product title", "item title", "article name", "artikelname",
        "bezeichnung", "artikelbezeichnung", "designation", "libelle", "nombre", "nome", "naam", "nazwa",
    ),
    c.CATEGORY: (
        "category", "product category", "item category", "category name", "categories", "department", "product line",
        "product type", "type", "kategorie", "warengruppe", "categorie", "categoria", "kategoria",
    ),
    c.SUBCATEGORY: (
        "subcategory", "sub category", "product subcategory", "sub category name", "commodity", "unterkategorie",
        "sous categorie", "subcategoria",
    ),
    c.BRAND: ("brand", "brand name", "vendor", "manufacturer", "brands", "marke", "hersteller", "marque", "marca"),
    c.DESCRIPTION: (
        "description", "body html", "body", "long description", "item description", "product description",
        "short description", "details", "beschreibung", "descripcion", "descrizione", "omschrijving", "descricao",
        "opis",
    ),
    c.UNIT_PRICE: (
        "unit price", "price", "variant price", "list price", "sale price", "selling price", "regular price",
        "retail price", "item price", "product price", "preis", "verkaufspreis", "vk preis", "prix", "precio",
        "prezzo", "prijs", "preco", "cena",
    ),
    c.COST: (
        "cost", "cost per item", "unit cost", "cost price", "purchase price", "wholesale price", "einkaufspreis",
        "ek preis", "cout", "prix achat", "coste", "costo", "kostprijs",
    ),
    c.STOCK: (
        "stock", "stock level", "stock quantity", "in stock", "inventory", "variant inventory qty",
        "inventory quantity", "quantity", "qty", "available", "on hand",
        "bestand", "lagerbestand", "existencias", "giacenza", "voorraad",
    ),
    c.IMAGE_URL: ("image url", "image", "image src", "image link", "images", "picture", "photo", "bild", "thumbnail"),
    c.LAUNCH_DATE: (
        "launch date", "launched", "launched at", "release date", "available from", "on sale from", "published at",
        "publish date", "created at", "date added", "introduction date", "first sold", "erscheinungsdatum",
    ),
}  # fmt: skip
"""Headers of a catalogue of items, as `ALIASES`."""

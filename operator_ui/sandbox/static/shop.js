/* Tells Modori what happens in the shop. The facts come with the page, in #shop-facts. */
(function () {
  "use strict";
  var TOLD = "shop_cart_told";
  var RESTORED = "shop_cart_restored";

  function tell() {
    window.modori.apply(null, arguments);
  }

  function remember(name, value) {
    try {
      window.localStorage.setItem(name, value);
      return true;
    } catch (e) {
      return false; /* storage is off: the cart is told again on the next page */
    }
  }

  function remembered(name) {
    try {
      return window.localStorage.getItem(name);
    } catch (e) {
      return null;
    }
  }

  function tellCart(cart) {
    var now = JSON.stringify(cart);
    var isCartPage = /^\/(cart|checkout)$/.test(window.location.pathname);
    var isWorthTelling = cart.items.length > 0 || remembered(TOLD) !== null;
    if (isWorthTelling && (remembered(TOLD) !== now || (isCartPage && cart.items.length > 0))) {
      tell("cart", cart);
      remember(TOLD, now);
    }
  }

  /* What a link of ours brings to a browser whose cart is empty, another device's above all. Once for each cart: whoever
     empties it afterwards meant it. */
  function restoreCart(brought) {
    var items = brought.items
      .map(function (item) {
        return item.id + ":" + item.quantity;
      })
      .join(",");
    var isKnown = remembered(RESTORED) === (brought.cart || items);
    if (!items || facts.cart.items.length > 0 || isKnown) {
      return;
    }
    window
      .fetch("/cart/restored", { method: "POST", body: new URLSearchParams({ items: items }) })
      .then(function (answer) {
        if (answer.ok && remember(RESTORED, brought.cart || items)) {
          window.location.replace("/cart");
        }
      })
      .catch(function () {
        /* the network is gone: the cart stays empty */
      });
  }

  function tellOrder(order) {
    tell("order", order);
    try {
      window.localStorage.removeItem(TOLD);
    } catch (e) {
      /* storage is off */
    }
  }

  function tellConsent(box) {
    tell("consent", {
      channel: box.dataset.consent,
      granted: box.checked,
      text: box.labels[0].textContent.trim(),
      control: "#" + box.id
    });
  }

  var facts = JSON.parse(document.getElementById("shop-facts").textContent);
  if (facts.order) {
    tellOrder(facts.order);
  } else {
    tellCart(facts.cart);
    tell("restore", restoreCart);
  }
  document.querySelectorAll("[data-consent]").forEach(function (box) {
    box.addEventListener("change", function () {
      tellConsent(box);
    });
  });
})();

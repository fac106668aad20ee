/* Tells Modori what happens in the shop. The facts come with the page, in #shop-facts. */
(function () {
  "use strict";
  var TOLD = "shop_cart_told";

  function tell() {
    window.modori.apply(null, arguments);
  }

  function remember(value) {
    try {
      window.localStorage.setItem(TOLD, value);
    } catch (e) {
      /* storage is off: the cart is told again on the next page */
    }
  }

  function remembered() {
    try {
      return window.localStorage.getItem(TOLD);
    } catch (e) {
      return null;
    }
  }

  function tellCart(cart) {
    var now = JSON.stringify(cart);
    var isCartPage = /^\/(cart|checkout)$/.test(window.location.pathname);
    var isWorthTelling = cart.items.length > 0 || remembered() !== null;
    if (isWorthTelling && (remembered() !== now || (isCartPage && cart.items.length > 0))) {
      tell("cart", cart);
      remember(now);
    }
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
  }
  document.querySelectorAll("[data-consent]").forEach(function (box) {
    box.addEventListener("change", function () {
      tellConsent(box);
    });
  });
})();

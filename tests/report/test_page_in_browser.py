# SPDX-License-Identifier: Apache-2.0
"""What a page does, in a headless Chromium, opened from a file."""

import io
import json
import re
import shutil
import threading

import pytest
import synthetic_study
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from rtc_plugin.report import comparison as comparison_page
from rtc_plugin.report import page
from rtc_plugin.results import comparison as comparison_lib

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium or chromedriver is not installed"
)

DRAWN = By.CSS_SELECTOR, "#map-nmi tbody td"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    service = Service(DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    driver.command_executor.client_config.timeout = 60
    yield driver
    # A busy browser may not answer any more, for which a test run does not wait.
    leave = threading.Thread(target=driver.quit, daemon=True)
    leave.start()
    leave.join(20)
    if leave.is_alive():
        service.process.kill()


@pytest.fixture
def browser(chromium, study_page):
    """The page, opened anew at the width of a desk and in light colours."""
    show(chromium, width=1280, scheme="light")
    chromium.get("about:blank")  # Or a page with another # would not be loaded.
    for log in ("browser", "performance"):
        chromium.get_log(log)
    chromium.get(study_page.as_uri())
    # The explorer is the last to be drawn, by a busy browser after the page has loaded.
    eventually(chromium, lambda: chromium.find_elements(*DRAWN))
    yield chromium
    assert chromium.get_log("browser") == []


def show(driver, width, scheme):
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def eventually(browser, condition):
    """Waits for what a busy browser does a little later; fails after 30 seconds."""
    WebDriverWait(browser, 30).until(lambda _: condition())


def column(browser, number):
    """Returns the texts of a column of the results table, of the rows shown."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#results-table tbody tr')]"
        ".filter((row) => !row.hidden)"
        f".map((row) => row.cells[{number}].textContent)"
    )


def heading(browser, text):
    """Returns the one button, whose text is there once a busy browser has drawn it."""

    def find(_):
        buttons = browser.find_elements(By.CSS_SELECTOR, "#results-table th button")
        found = [button for button in buttons if button.text.strip() == text]
        return found[0] if len(found) == 1 else None

    return WebDriverWait(browser, 10).until(find)


def aria_sort(button):
    return button.find_element(By.XPATH, "..").get_attribute("aria-sort")


def sort_by(browser, text, direction):
    button = heading(browser, text)
    button.click()
    eventually(browser, lambda: aria_sort(button) == direction)


def test_nothing_is_fetched(browser, study_page):
    browser.execute_script("document.getElementById('explorer').scrollIntoView()")
    events = [
        json.loads(entry["message"])["message"]
        for entry in browser.get_log("performance")
    ]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert study_page.as_uri() in urls
    assert all(url.startswith(("data:", study_page.as_uri())) for url in urls)


def test_headings_sort_by_number_in_both_directions(browser):
    sort_by(browser, "TC mean", "ascending")
    values = [float(text) for text in column(browser, 6)]
    assert values == sorted(values) and len(values) == 12
    sort_by(browser, "TC mean", "descending")
    assert [float(text) for text in column(browser, 6)] == values[::-1]


def test_missing_numbers_come_last_and_another_heading_takes_over(browser):
    sort_by(browser, "\u03b7", "ascending")
    assert column(browser, 4) == ["10", "10", "50"] + [""] * 9
    sort_by(browser, "\u03b7", "descending")
    assert column(browser, 4) == ["50", "10", "10"] + [""] * 9
    sort_by(browser, "model", "ascending")
    assert aria_sort(heading(browser, "\u03b7")) == "none"
    assert column(browser, 1) == sorted(column(browser, 1))


def test_sorting_by_keyboard(browser):
    button = heading(browser, "strength")
    browser.execute_script("arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    eventually(browser, lambda: aria_sort(button) == "ascending")
    assert column(browser, 2) == ["2"] * 4 + ["10"] * 4 + ["50"] * 4
    outline = button.value_of_css_property("outline-style")
    assert outline == "solid"  # One sees where one is.


def test_filters_narrow_and_are_cleared(browser):
    Select(browser.find_element(By.ID, "filter-model")).select_by_visible_text(
        "RTC-VAE"
    )
    eventually(browser, lambda: column(browser, 1) == ["RTC-VAE"] * 3)
    browser.find_element(By.ID, "filter-text").send_keys("shapes3d 50")
    eventually(browser, lambda: column(browser, 2) == ["50"])
    said = browser.find_element(By.CSS_SELECTOR, ".filters output").text
    assert said == "1 of 12 rows"
    browser.find_element(By.CSS_SELECTOR, ".filters [type=reset]").click()
    eventually(browser, lambda: len(column(browser, 1)) == 12)


def test_a_slider_moves_along_its_latent_by_keyboard(browser):
    slider = browser.find_element(By.ID, "walk-3")
    tile = slider.find_element(By.XPATH, "..")
    picture = tile.find_element(By.CLASS_NAME, "sprite")

    def place():
        x, y = picture.value_of_css_property("background-position").split()
        return float(x[:-1]), float(y[:-1])

    # 11 steps, 10 latents: percentages of what a sheet is larger than its window.
    assert place() == (50.0, pytest.approx(100 * 3 / 9, abs=1e-3))
    slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    eventually(browser, lambda: place()[0] == 70.0)
    assert slider.get_attribute("aria-valuetext") == "+1.0 spreads"
    assert tile.find_element(By.TAG_NAME, "output").text == "+1.0 s"
    slider.send_keys(Keys.HOME)
    eventually(browser, lambda: place()[0] == 0.0)


def test_one_slider_moves_all_latents(browser):
    browser.find_element(By.ID, "all-walks").send_keys(Keys.END)
    values = "return [...document.querySelectorAll('#walks input')].map((x) => x.value)"
    eventually(browser, lambda: browser.execute_script(values) == ["10"] * 10)


def test_a_link_in_the_results_leads_to_the_models_explorer(browser):
    name = browser.find_element(By.ID, "model-name")
    links = browser.find_elements(By.CSS_SELECTOR, "#results-table td a")
    assert [link.text for link in links] == ["0", "3", "9", "11"]
    links[-1].click()
    eventually(browser, lambda: name.text.startswith("RTC-VAE 50, seed 0"))
    chosen = Select(browser.find_element(By.ID, "choose")).first_selected_option
    assert chosen.text in name.text
    browser.find_element(By.ID, "next").click()
    eventually(browser, lambda: name.text.startswith("FactorVAE 2"))
    browser.find_element(By.ID, "previous").click()
    eventually(browser, lambda: name.text.startswith("RTC-VAE 50"))


def test_an_address_with_a_model_opens_it(browser, study_page):
    browser.get("about:blank")
    browser.get(study_page.as_uri() + "#model-9")  # The tenth, RTC-VAE's first.
    assert "RTC-VAE 2," in browser.find_element(By.ID, "model-name").text


def painted(browser, canvas):
    """Returns the colours of a canvas, as (r, g, b, alpha)."""
    png = browser.find_element(By.ID, canvas).screenshot_as_png
    image = Image.open(io.BytesIO(png))
    return {colour for _, colour in image.getcolors(maxcolors=1 << 20)}


def test_codes_are_drawn_and_coloured_by_a_factor(browser):
    by_factor = painted(browser, "scatter")
    Select(browser.find_element(By.ID, "colour")).select_by_value("")
    note = browser.find_element(By.ID, "scatter-note")
    eventually(browser, lambda: "Coloured" not in note.text)
    plain = painted(browser, "scatter")
    # Greys have one value in all channels; all others are the factor's.
    assert any(max(c[:3]) - min(c[:3]) > 60 for c in by_factor)
    assert all(max(c[:3]) - min(c[:3]) < 60 for c in plain) and len(plain) > 3
    Select(browser.find_element(By.ID, "latent-x")).select_by_value("4")
    eventually(browser, lambda: "z4 across" in note.text)


def test_a_click_on_a_pair_shows_it_large(browser):
    canvas = browser.find_element(By.ID, "pair-plot")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    # Selenium counts from the middle; the lowest row is latent 9, the middle one 4.
    down = canvas.size["height"] * 0.42
    webdriver.ActionChains(browser).move_to_element_with_offset(
        canvas, 0, int(down)
    ).click().perform()
    note = browser.find_element(By.ID, "scatter-note")
    eventually(browser, lambda: note.text.startswith("z4 across"))
    assert "z9 up" in note.text


def test_heat_maps_are_tables_of_numbers(browser):
    cells = browser.find_elements(By.CSS_SELECTOR, "#map-nmi tbody tr:first-child td")
    assert len(cells) == 6
    assert float(cells[0].text) > 0.5  # Latent 0 is factor 0, with some noise.
    assert max(float(cell.text) for cell in cells[1:]) < 0.2
    assert browser.find_element(By.CSS_SELECTOR, "#map-r2 caption").text


def test_the_configuration_is_shown_as_it_is_and_copied(browser):
    gin = browser.find_element(By.ID, "gin")
    assert gin.text.startswith("# a </script> in a comment")
    browser.find_element(By.ID, "copy").click()
    said = browser.find_element(By.ID, "copied")
    eventually(browser, lambda: said.text)
    assert said.text in ("Copied.", "Selected; copy it by keyboard.")


def page_width(driver):
    return driver.execute_script("return document.documentElement.scrollWidth")


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_the_page_is_no_wider_than_the_window(browser, width):
    show(browser, width, "light")
    browser.refresh()
    assert page_width(browser) <= width


def test_the_width_there_is_is_used(browser):
    show(browser, 1400, "light")
    cards = "return [...document.querySelectorAll('.claim')].map((x) => x.offsetLeft)"
    assert len(set(browser.execute_script(cards))) == 2
    wide = "return document.querySelector('#results .card').offsetWidth"
    assert browser.execute_script(wide) > 1300


def test_hostile_names_leave_the_layout(chromium, tmp_path):
    table = synthetic_study.study_table(seeds=1, datasets=["dsprites_rendered"])
    name = "$\\frac{$<b>" + "x" * 300
    for column, old in (("dataset", "dsprites_rendered"), ("model", "rtc_vae")):
        table[column] = table[column].replace({old: name})
    path = tmp_path / "page.html"
    page.write_page(table, None, str(path), title=name, note=f"{name}\n{name}")
    for width in (390, 1400):
        show(chromium, width, "dark")
        chromium.get(path.as_uri())
        assert page_width(chromium) <= width


def test_the_page_of_a_comparison_fits_a_phone(chromium, tmp_path):
    table = synthetic_study.study_table(seeds=1, datasets=["dsprites_rendered"])
    is_own = table["model"] == "rtc_vae"
    comparison = comparison_lib.compare_tables(table[is_own], table[~is_own], "A.\nB.")
    comparison_page.write(comparison, str(tmp_path))
    show(chromium, 390, "light")
    chromium.get((tmp_path / "index.html").as_uri())
    assert page_width(chromium) <= 390
    # Panels are drawn whole, one below the other, and tables are folded.
    panels = chromium.find_elements(By.CSS_SELECTOR, ".panels svg")
    assert len(panels) == comparison.methods["quantity"].nunique()
    assert {300 < panel.size["width"] < 390 for panel in panels} == {True}
    assert len({panel.location["x"] for panel in panels}) == 1
    tables = chromium.find_elements(By.CSS_SELECTOR, "table.sortable")
    assert len(tables) == 3 and not any(one.is_displayed() for one in tables)
    for details in chromium.find_elements(By.CSS_SELECTOR, "details"):
        chromium.execute_script("arguments[0].open = true", details)
    assert page_width(chromium) <= 390


@pytest.mark.parametrize("width", [390, 1400])
def test_model_and_headings_stay_in_sight(browser, width):
    show(browser, width, "light")
    places = browser.execute_script("""
        const box = document.querySelector("#results-table").parentElement;
        box.style.maxHeight = "200px";
        box.scrollTo(box.scrollWidth, box.scrollHeight);
        const row = document.querySelector("#results-table tbody tr:last-child");
        const head = document.querySelector("#results-table thead th:last-child");
        const place = (x) => x.getBoundingClientRect();
        return [row.cells[0], row.cells[1], head].map((x) => [
          place(x).left - place(box).left, place(x).top - place(box).top,
          place(box).right - place(x).right]);
    """)
    number, model, head = places
    assert abs(number[0]) <= 1 and model[0] < 70
    # Up to a scroll bar.
    assert abs(head[1]) <= 1 and abs(head[2]) <= 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_on_heat_are_legible(browser, scheme):
    """By the contrast of WCAG 2, of which small text needs 4.5."""
    show(browser, 1400, scheme)
    browser.refresh()
    cells = browser.execute_script("""
        return [...document.querySelectorAll(".heat tbody td")].map((cell) => {
          const style = getComputedStyle(cell);
          const card = getComputedStyle(cell.closest(".card"));
          return [style.color, style.backgroundColor, card.backgroundColor];
        });
    """)
    assert len(cells) == 2 * 10 * 6
    for text, heat, surface in cells:
        assert contrast(text, heat, surface) > 4.5
    # Scores of all sizes are there, so that the text must turn.
    assert len({text for text, _, _ in cells}) == 2


def contrast(text, heat, surface):
    """Returns the contrast of colours as CSS writes them; heat may be translucent."""

    def numbers(colour):
        return [float(part) for part in re.findall(r"[\d.]+", colour)]

    def luminance(rgb):
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (x / 255 for x in rgb)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    *rgb, alpha = (numbers(heat) + [1.0])[:4]
    mixed = [alpha * a + (1 - alpha) * b for a, b in zip(rgb, numbers(surface))]
    low, high = sorted((luminance(mixed), luminance(numbers(text))))
    return (high + 0.05) / (low + 0.05)


def test_dark_colours_reach_text_figures_and_canvases(browser):
    def colours():
        return [
            browser.execute_script(
                f"return getComputedStyle(document.querySelector('{selector}')).{name}"
            )
            for selector, name in (
                ("body", "backgroundColor"),
                ("body", "color"),
                ("figure svg text", "fill"),
            )
        ]

    def brightness(colour):
        return sum(int(part) for part in colour[4:-1].split(","))

    background, text, figure = map(brightness, colours())
    assert background > 600 and text < 200 and figure < 200
    before = painted(browser, "pair-plot")
    show(browser, 1280, "dark")

    def is_dark():
        background, text, figure = map(brightness, colours())
        return background < 200 and text > 600 and figure > 600

    eventually(browser, is_dark)
    eventually(browser, lambda: painted(browser, "pair-plot") != before)


def test_everything_can_be_reached_by_the_tab_key(browser):
    """The explorer's controls come after the results', and no trap holds the focus."""
    reached = []
    browser.execute_script("document.getElementById('filter-text').focus()")
    for _ in range(80):
        webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
        reached.append(browser.execute_script("return document.activeElement.id"))
    wanted = ["filter-dataset", "filter-model", "choose", "previous", "next"]
    wanted += ["all-walks", "walk-0", "latent-x", "latent-y", "colour", "copy", "gin"]
    assert [name for name in wanted if name not in reached] == []
    places = [reached.index(name) for name in wanted]
    assert places == sorted(places)

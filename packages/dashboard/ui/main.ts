import './styles/tokens.css'
import './styles/base.css'
import './styles/layout.css'
import './styles/parts.css'

import { render } from 'preact'

import { App } from './app.ts'
import { html } from './lib/html.ts'
import { applyStoredTheme } from './lib/theme.ts'

applyStoredTheme()
const place = document.getElementById('app')
if (place) render(html`<${App} />`, place)

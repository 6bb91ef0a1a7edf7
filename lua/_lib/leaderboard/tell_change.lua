-- `tell_change(config)`: tells live views that a board changed, once in a call. `config.live` is the pub/sub channel, or nil.
--
-- Without the right to publish there are no messages: views then read at their tick.

local change_told = {}

local function tell_change(config)
  if config.live and not change_told[config.live] then
    change_told[config.live] = true
    redis.pcall('SPUBLISH', config.live, '')
  end
end

--- Read the next part of the output of an entry (lua/stream/write.lua).
--
-- It begins at byte `from` if the output is that of the delivery `fence`, otherwise at its beginning. A part begins and ends between
-- characters.
-- @batch 8
-- @full runs         it only reads
-- @include typed
-- @item key output output of the entry
-- @item arg fence  fence of a delivery, in 16 digits
-- @item arg from   bytes of its output that the caller has
-- @returns list    fence, byte at which the part begins, byte at which it ends, text, 1 when there is more; all empty when there is no output

local HEAD, MOST = 16, 65536

-- Whether the byte is inside a character of UTF-8.
local function inside(text, at)
  local byte = string.byte(text, at)
  return byte and byte >= 128 and byte < 192
end

local function item(output, fence, from)
  local wrong = typed(output, 'string')
  if wrong then
    return wrong
  end
  local size = redis.call('STRLEN', output) - HEAD
  if size < 0 then
    return { '', '', '', '', '' }
  end
  local known = redis.call('GETRANGE', output, 0, HEAD - 1)
  local start = tonumber(from)
  if known ~= fence or start > size then
    start = 0
  end
  local text = redis.call('GETRANGE', output, HEAD + start, HEAD + start + MOST - 1)
  local first, last = 1, #text
  for _ = 1, 3 do
    first = inside(text, first) and first + 1 or first
  end
  if start + last < size then
    local next_byte = redis.call('GETRANGE', output, HEAD + start + last, HEAD + start + last)
    for _ = 1, 3 do
      if not inside(next_byte, 1) then
        break
      end
      next_byte = string.sub(text, last, last)
      last = last - 1
    end
  end
  return {
    known,
    tostring(start + first - 1),
    tostring(start + last),
    string.sub(text, first, last),
    start + last < size and '1' or '',
  }
end

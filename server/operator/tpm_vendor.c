/* TCG TPM Vendor ID Registry, Family 1.2 and 2.0. An EK certificate says "id:" and eight hexadecimal digits: four characters. */
#include "server/operator/tpm_vendor.h"

#include "core/buf.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char id[5]; /* trailing spaces and zeros left out */
    const char *name;
} vendors[] = {
    { "AMD", "AMD" },
    { "ANT", "Ant Group" },
    { "ATML", "Atmel" },
    { "BRCM", "Broadcom" },
    { "CSCO", "Cisco" },
    { "FLYS", "FlySlice" },
    { "GOOG", "Google" },
    { "HISI", "Huawei" },
    { "HPE", "HPE" },
    { "HPI", "HP" },
    { "IBM", "IBM" },
    { "IFX", "Infineon" },
    { "INTC", "Intel" },
    { "LEN", "Lenovo" },
    { "MSFT", "Microsoft" },
    { "NSG", "NSING" },
    { "NSM", "National Semiconductor" },
    { "NTC", "Nuvoton" },
    { "NTZ", "Nationz" },
    { "QCOM", "Qualcomm" },
    { "ROCC", "Rockchip" },
    { "SEAL", "Wisekey" },
    { "SECE", "SecEdge" },
    { "SMSC", "SMSC" },
    { "SMSN", "Samsung" },
    { "SNS", "Sinosun" },
    { "STM", "STMicroelectronics" },
    { "TXN", "Texas Instruments" },
    { "WEC", "Winbond" },
};

static void trim(char id[5])
{
    for (size_t i = strlen(id); i > 0 && id[i - 1] == ' '; i--)
        id[i - 1] = '\0';
}

void tpm_vendor_name(const char *manufacturer, char *ret_name, size_t size)
{
    char id[5] = "";
    size_t taken = 0;
    ret_name[0] = '\0';
    /* What swtpm writes is no entry of the registry: the PCI vendor id of IBM as a number. */
    if (strcmp(manufacturer, "id:00001014") == 0) {
        (void)snprintf(ret_name, size, "swtpm (software)");
        return;
    }
    if (strncmp(manufacturer, "id:", 3) != 0 || bs_unhex(manufacturer + 3, (uint8_t *)id, 4, &taken) != BS_OK ||
        taken != 4) {
        (void)snprintf(ret_name, size, "%s", manufacturer);
        return;
    }
    trim(id);
    for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
        if (strcmp(vendors[i].id, id) == 0) {
            (void)snprintf(ret_name, size, "%s", vendors[i].name);
            return;
        }
    (void)snprintf(ret_name, size, "unknown maker %s", manufacturer + 3);
}
